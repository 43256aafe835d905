# Reference values for tests/test_accuracy.py, from R's survival package.
# Run in this folder: Rscript accuracy.R
# Writes accuracy.csv (data with ties and censoring, and the risks of a Cox model at two horizons) and accuracy.json
# (Brier scores and areas under the curve of these risks, weights by redistribution to the right).
library(survival)
set.seed(20261123)
n <- 250
data <- data.frame(x1 = rbinom(n, 1, 0.5), x2 = round(rnorm(n), 2))
lived <- ceiling(rexp(n, 0.06 * exp(0.8 * data$x1 - 0.4 * data$x2)))
watched <- sample(4:30, n, replace = TRUE)
data$duration <- pmin(lived, watched)
data$event <- as.integer(lived <= watched)
fit <- coxph(Surv(duration, event) ~ x1 + x2, data, ties = "breslow",
             control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 50))
horizons <- c(6.5, 14.5)
curves <- summary(survfit(fit, newdata = data), times = horizons)$surv
# weights redistributed to the right: 0 for those censored before the horizon
weights <- rttright(Surv(duration, event) ~ 1, data, times = horizons)
row <- function(values) paste(sprintf("%.17g", values), collapse = ", ")
brier <- sapply(1:2, function(k) {
  case <- data$event == 1 & data$duration <= horizons[k]
  sum(weights[, k] * (case - (1 - curves[k, ]))^2) / sum(weights[, k])
})
auc <- sapply(1:2, function(k) {
  case <- as.integer(data$event == 1 & data$duration <= horizons[k])
  keep <- weights[, k] > 0
  found <- data.frame(case, risk = 1 - curves[k, ], w = weights[, k])[keep, ]
  unname(coef(concordance(case ~ risk, found, weights = w)))
})
data$risk1 <- sprintf("%.17g", 1 - curves[1, ])
data$risk2 <- sprintf("%.17g", 1 - curves[2, ])
write.csv(data, "accuracy.csv", row.names = FALSE, quote = FALSE)
writeLines(paste0('{"survival": "', packageVersion("survival"), '",\n "horizons": [6.5, 14.5],\n "brier": [',
                  row(brier), '],\n "auc": [', row(auc), "]}"), "accuracy.json")
