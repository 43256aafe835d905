# Reference values for tests/test_proportionality.py, from R's survival package.
# Run in this folder: Rscript proportional_hazards.R
# Writes proportional_hazards.csv (the data, with late entry and many ties) and proportional_hazards.json.
library(survival)
set.seed(20261122)
n <- 300
data <- data.frame(x1 = rbinom(n, 1, 0.5), x2 = round(rnorm(n), 2))
lived <- ceiling(rexp(n, 0.05 * exp(0.7 * data$x1 - 0.3 * data$x2)))
watched <- sample(5:40, n, replace = TRUE)
data$entry <- sample(0:12, n, replace = TRUE)
data$duration <- pmin(lived, watched)
data$event <- as.integer(lived <= watched)
data <- data[data$duration > data$entry, ]
write.csv(data, "proportional_hazards.csv", row.names = FALSE)

tight <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 50)
values <- function(fit) {
  # one score test a term, at the fitted model, on the Kaplan-Meier clock
  test <- cox.zph(fit, transform = "km", terms = TRUE, global = FALSE)$table
  c(coefficient = unname(coef(fit)), std_error = unname(sqrt(diag(vcov(fit)))),
    log_likelihood = fit$loglik[2], chisq = unname(test[, "chisq"]), p = unname(test[, "p"]))
}
late <- values(coxph(Surv(entry, duration, event) ~ x1 + x2, data, ties = "efron", control = tight))
start <- values(coxph(Surv(duration, event) ~ x1 + x2, data, ties = "efron", control = tight))
row <- function(v) paste0("{", paste0('"', names(v), '": ', sprintf("%.15g", v), collapse = ", "), "}")
writeLines(paste0('{"survival": "', packageVersion("survival"), '",\n "late": ', row(late),
                  ',\n "start": ', row(start), "}"), "proportional_hazards.json")
