# Made tests/reference/crossed_effects.csv and .json: restricted maximum likelihood of crossed effects by lme4.
# Rscript tests/reference/crossed_effects.R, in the root of the repository
library(lme4)
library(jsonlite)
set.seed(8)
n <- 900
employee <- sample(40, n, TRUE)
branch <- ifelse(runif(n) < 0.8, (employee - 1) %% 10, sample(10, n, TRUE) - 1) + 1  # some serve elsewhere too
month <- sample(12, n, TRUE)
reason <- sample(0:1, n, TRUE)
u <- rnorm(40, sd = 0.4); v <- rnorm(10, sd = 0.3); w <- rnorm(12, sd = 0.2)
affect <- round(0.5 + 0.6 * reason + u[employee] + v[branch] + w[month] + rnorm(n, sd = 0.8), 3)
rows <- data.frame(employee, branch, month, reason, affect)
write.csv(rows, "tests/reference/crossed_effects.csv", row.names = FALSE)
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE)
told <- function(formula, data) {
  fit <- lmer(formula, data, REML = TRUE, control = tight)
  parts <- as.data.frame(VarCorr(fit))
  blup <- ranef(fit, condVar = TRUE)$employee
  list(variance = setNames(as.list(parts$vcov), parts$grp), fixed = unname(fixef(fit)),
       error = sqrt(diag(as.matrix(vcov(fit)))), reml = as.numeric(REMLcrit(fit)),
       blup = unname(blup[, 1]), singular = isSingular(fit))
}
nested <- subset(rows, branch == (employee - 1) %% 10 + 1)
cases <- list(
  crossed = told(affect ~ reason + (1 | employee) + (1 | branch) + (1 | month), rows),
  nested = told(affect ~ reason + (1 | employee) + (1 | branch), nested),
  one = told(affect ~ 1 + (1 | employee), rows)
)
write_json(cases, "tests/reference/crossed_effects.json", auto_unbox = TRUE, digits = NA, pretty = TRUE)
