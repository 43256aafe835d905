# Reference values for tests/test_cox_fit.py and tests/test_hazard_ratios.py, from R's survival package.
# Run in this folder: Rscript cox.R ROSSI, where ROSSI is the path of rossi.csv in lifelines' data sets.
# Writes cox.csv (customers seen in one to three intervals: late entry, many ties, a covariate that changes, plans
# as strata), cox_trial.csv (137 patients of four types, like the veterans' lung trial) and cox.json. Lung and heart are R's own;
# lifelines ships the same rows. Test2 is the second test set of the package's vignette on validation.
library(survival)
set.seed(20261123)
n <- 400
rows <- do.call(rbind, lapply(1:n, function(i) {
  cuts <- sort(sample(1:35, sample(1:3, 1)))
  begun <- if (runif(1) < 0.3) 0 else sample(0:10, 1)
  x1 <- rbinom(1, 1, 0.5); plan <- sample(c("a", "b", "c"), 1); frailty <- rgamma(1, 3, 3)
  edges <- c(begun, cuts[cuts > begun], 36)
  out <- NULL
  for (k in seq_len(length(edges) - 1)) {
    x2 <- round(rnorm(1), 2)
    lived <- ceiling(rexp(1, frailty * 0.03 * exp(0.7 * x1 - 0.3 * x2) * c(a = 1, b = 1.5, c = 0.6)[[plan]]))
    stop <- min(edges[k] + lived, edges[k + 1])
    event <- as.integer(edges[k] + lived <= edges[k + 1])
    out <- rbind(out, data.frame(customer = i, start = edges[k], stop = stop, event = event, x1 = x1, x2 = x2, plan = plan))
    if (event == 1) break
  }
  out
}))
write.csv(rows, "cox.csv", row.names = FALSE, quote = FALSE)
m <- 137
trial <- data.frame(trt = rbinom(m, 1, 0.5), type = sample(c("adeno", "large", "small", "squamous"), m, TRUE),
                    karno = sample(seq(10, 90, 10), m, TRUE), age = sample(34:81, m, TRUE))
lived <- ceiling(rexp(m, 0.02 * exp(-0.03 * (trial$karno - 50) + 0.5 * (trial$type == "small"))))
trial$time <- pmin(lived, 300); trial$status <- as.integer(lived <= 300)
write.csv(trial, "cox_trial.csv", row.names = FALSE, quote = FALSE)
rossi <- read.csv(commandArgs(TRUE)[1])
lung2 <- transform(lung[, c("time", "status", "age", "sex", "ph.ecog", "inst")], status = status - 1)
lung2 <- lung2[complete.cases(lung2), ]
test2 <- data.frame(start = c(1, 2, 5, 2, 1, 7, 3, 4, 8, 8), stop = c(2, 3, 6, 7, 8, 9, 9, 9, 14, 17),
                    event = c(1, 1, 1, 1, 1, 1, 1, 0, 0, 0), x = c(1, 0, 0, 1, 0, 1, 1, 1, 0, 0))

tight <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 60)
show <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
# one case: the fit, robust errors where there is a cluster, the score tests of proportional hazards and the survival of
# stated rows at stated times, with the standard error of the cumulative hazard and the log-log interval
case <- function(formula, data, ties, new = NULL, times = NULL) {
  fit <- coxph(formula, data, ties = ties, control = tight, x = TRUE, model = TRUE)
  naive <- if (is.null(fit$naive.var)) fit$var else fit$naive.var
  parts <- list(coefficient = unname(coef(fit)), std_error = sqrt(diag(naive)), used_error = sqrt(diag(fit$var)),
                log_likelihood = fit$loglik[2])
  # one statistic a term, the last one of all together, on the Kaplan-Meier clock
  test <- cox.zph(fit, transform = "km", terms = FALSE, global = TRUE)$table
  parts <- c(parts, list(zph = test[, "chisq"], zph_p = test[, "p"]))
  if (!is.null(new)) {
    curve <- summary(survfit(fit, newdata = new, conf.type = "log-log"), times = times)
    error <- summary(survfit(fit, newdata = new, conf.type = "none"), times = times)
    parts <- c(parts, list(survival = c(t(curve$surv)), conf_low = c(t(curve$lower)), conf_high = c(t(curve$upper)),
                           curve_error = c(t(error$std.err / error$surv))))
  }
  paste0("{", paste0('"', names(parts), '": ', sapply(parts, show), collapse = ", "), "}")
}
spell <- Surv(start, stop, event) ~ x1 + x2
clustered <- Surv(start, stop, event) ~ x1 + x2 + cluster(customer)
new <- data.frame(x1 = c(0, 1), x2 = c(0, -1), plan = "b")
cases <- c(
  test2_efron = case(Surv(start, stop, event) ~ x, test2, "efron", data.frame(x = c(0, 1)), c(3, 7, 9, 12)),
  test2_breslow = case(Surv(start, stop, event) ~ x, test2, "breslow", data.frame(x = c(0, 1)), c(3, 7, 9, 12)),
  rossi = case(Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio, rossi, "efron",
               data.frame(fin = 0:1, age = c(20, 30), race = 1, wexp = 0, mar = 0, paro = 1, prio = 2), c(13, 26, 52)),
  lung = case(Surv(time, status) ~ age + sex + ph.ecog, lung2, "efron",
              data.frame(age = c(50, 70), sex = 1:2, ph.ecog = 0:1), c(4, 100, 365, 800)),
  lung_breslow = case(Surv(time, status) ~ age + sex + ph.ecog, lung2, "breslow",
                      data.frame(age = c(50, 70), sex = 1:2, ph.ecog = 0:1), c(4, 100, 365, 800)),
  lung_sites = case(Surv(time, status) ~ age + sex + ph.ecog + cluster(inst), lung2, "efron"),
  trial = case(Surv(time, status) ~ trt + as.numeric(type == "adeno") + as.numeric(type == "large") + as.numeric(type == "small") + karno + age, trial,
               "efron"),
  heart = case(Surv(start, stop, event) ~ age + year + surgery + as.numeric(transplant == 1) + cluster(id), heart, "efron"),
  late_efron = case(spell, rows, "efron", new, c(1, 12, 24, 35)),
  late_breslow = case(spell, rows, "breslow", new, c(1, 12, 24, 35)),
  clustered_efron = case(clustered, rows, "efron", new, c(1, 12, 24, 35)),
  clustered_breslow = case(clustered, rows, "breslow"),
  strata_efron = case(Surv(start, stop, event) ~ x1 + x2 + strata(plan), rows, "efron", new, c(2, 12, 24, 35)),
  strata_breslow = case(Surv(start, stop, event) ~ x1 + x2 + strata(plan), rows, "breslow", new, c(2, 12, 24, 35)),
  strata_clustered = case(Surv(start, stop, event) ~ x1 + x2 + strata(plan) + cluster(customer), rows, "efron", new,
                           c(2, 12, 24, 35))
)
# coefficients by period: rows split at 12 and 24, x1 with a coefficient in each
split <- survSplit(Surv(start, stop, event) ~ ., rows, cut = c(12, 24), episode = "period")
by_period <- coxph(Surv(start, stop, event) ~ I(x1 * (period == 1)) + I(x1 * (period == 2)) + I(x1 * (period == 3)) + x2,
                   split, ties = "efron", control = tight, cluster = customer)
contrast <- rbind(c(1, -1, 0, 0), c(1, 0, -1, 0))
wald <- function(v) c(t(contrast %*% coef(by_period)) %*% solve(contrast %*% v %*% t(contrast), contrast %*% coef(by_period)))
periods <- list(coefficient = unname(coef(by_period)), std_error = sqrt(diag(by_period$naive.var)),
                used_error = sqrt(diag(by_period$var)), log_likelihood = by_period$loglik[2],
                wald = wald(by_period$naive.var), wald_clustered = wald(by_period$var))
cases <- c(cases, periods = paste0("{", paste0('"', names(periods), '": ', sapply(periods, show), collapse = ", "), "}"))
writeLines(paste0('{"survival": "', packageVersion("survival"), '",\n',
                  paste0(' "', names(cases), '": ', cases, collapse = ",\n"), "}"), "cox.json")
