# Reference values for tests/test_stats_half_moments.py, from R's lavaan and sandwich.
# Run in this folder: Rscript mediation.R
# Writes mediation.csv (30 units over 8 periods: score, two mediators, outcome) and mediation.json (paths of a
# saturated model on values within units and periods, with standard errors clustered by unit).
library(lavaan)
library(sandwich)
set.seed(20261123)
n <- 30; t <- 8
data <- expand.grid(period = 0:(t - 1), unit = 0:(n - 1))
level <- rnorm(n)[data$unit + 1]
month <- rnorm(t)[data$period + 1]
data$x <- round(rnorm(n * t) + 0.6 * level + 0.3 * month, 4)
shock <- rnorm(n)[data$unit + 1] * data$x
data$m1 <- round(0.8 * data$x + level + 0.4 * shock + rnorm(n * t), 4)
data$m2 <- round(-0.5 * data$x + month + rnorm(n * t), 4)
data$y <- round(0.3 * data$x + 0.7 * data$m1 - 0.4 * data$m2 + level + 0.3 * shock + rnorm(n * t), 4)
within <- function(v) v - ave(v, data$unit) - ave(v, data$period) + mean(v)
w <- data.frame(unit = data$unit, lapply(data[c("x", "m1", "m2", "y")], within))
model <- "
  m1 ~ a1 * x
  m2 ~ a2 * x
  y ~ b1 * m1 + b2 * m2 + c * x
  m1 ~~ m2
  i1 := a1 * b1
  i2 := a2 * b2
  total := c + a1 * b1 + a2 * b2
"
fit <- sem(model, w, estimator = "MLR", cluster = "unit", meanstructure = TRUE, fixed.x = FALSE)
found <- parameterEstimates(fit)
found <- found[found$label != "", ]
first <- lm(m1 ~ 0 + x, w)
direct <- lm(y ~ 0 + m1 + m2 + x, w)
# G / (G - 1), as ours
errors <- function(m) sqrt(diag(vcovCL(m, cluster = w$unit, type = "HC0", cadjust = TRUE)))
cells <- function(v) paste(sprintf("%.15g", v), collapse = ", ")
write.csv(data, "mediation.csv", row.names = FALSE)
writeLines(c("{",
  sprintf('  "labels": [%s],', paste0('"', found$label, '"', collapse = ", ")),
  sprintf('  "estimate": [%s],', cells(found$est)),
  sprintf('  "lavaan_error": [%s],', cells(found$se)),
  sprintf('  "sandwich_error": {"a1": %s, "b1": %s, "b2": %s, "c": %s},', cells(errors(first)),
          cells(errors(direct)[1]), cells(errors(direct)[2]), cells(errors(direct)[3])),
  sprintf('  "versions": {"R": "%s", "lavaan": "%s", "sandwich": "%s"}', getRversion(),
          packageVersion("lavaan"), packageVersion("sandwich")),
  "}"), "mediation.json")
