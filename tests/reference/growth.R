# Reference values for tests/test_growth.py, from R's general optimiser and its glm.
# Run in this folder: Rscript growth.R
# Writes growth.csv (new customers of 36 periods, drawn from a logistic curve) and growth.json.
set.seed(20261123)
edges <- 0:36
rise <- function(z) diff(plogis(z))
data <- data.frame(period = 1:36, n_new = rpois(36, 3000 * rise(0.3 * (edges - 15))))
write.csv(data, "growth.csv", row.names = FALSE)
n <- data$n_new

log_likelihood <- function(mean) sum(dpois(n, mean, log = TRUE))
logistic <- function(t) exp(t[1]) * rise(exp(t[2]) * (edges - t[3]))
# Bass's own formula of the share that has come, not the logistic one it can be turned into
bass <- function(t) {
  p <- exp(t[2]); q <- exp(t[3])
  exp(t[1]) * diff((1 - exp(-(p + q) * edges)) / (1 + q / p * exp(-(p + q) * edges)))
}
best <- function(curve, start) {
  fit <- optim(start, function(t) -log_likelihood(curve(t)), method = "Nelder-Mead",
               control = list(reltol = 1e-15, maxit = 20000))
  fit <- optim(fit$par, function(t) -log_likelihood(curve(t)), method = "BFGS", hessian = TRUE,
               control = list(reltol = 1e-15, ndeps = rep(1e-5, 3), maxit = 1000))
  # expected information, by differences of the curve
  slopes <- sapply(1:3, function(i) {
    step <- replace(numeric(3), i, 1e-5)
    (curve(fit$par + step) - curve(fit$par - step)) / 2e-5
  })
  information <- t(slopes) %*% (slopes / curve(fit$par))
  list(theta = fit$par, std_error = sqrt(diag(solve(information))), log_likelihood = -fit$value)
}
exponential <- glm(n ~ I(0:35), family = poisson, control = list(epsilon = 1e-14, maxit = 100))
flat <- glm(n ~ 1, family = poisson)
fits <- list(
  even = list(theta = unname(coef(flat)), std_error = unname(sqrt(diag(vcov(flat)))),
              log_likelihood = as.numeric(logLik(flat))),
  exponential = list(theta = unname(coef(exponential)), std_error = unname(sqrt(diag(vcov(exponential)))),
                     log_likelihood = as.numeric(logLik(exponential))),
  logistic = best(logistic, c(log(sum(n)), log(0.2), 18)),
  bass = best(bass, c(log(sum(n)), log(0.01), log(0.2)))
)
numbers <- function(v) paste0("[", paste(sprintf("%.15g", v), collapse = ", "), "]")
row <- function(name) {
  fit <- fits[[name]]
  paste0(' "', name, '": {"theta": ', numbers(fit$theta), ', "std_error": ', numbers(fit$std_error),
         ', "log_likelihood": ', sprintf("%.15g", fit$log_likelihood), "}")
}
writeLines(paste0("{", paste(c(paste0('"R": "', getRversion(), '"'), sapply(names(fits), row)),
                             collapse = ",\n"), "}"), "growth.json")
