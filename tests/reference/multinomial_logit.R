# Reference values for tests/test_multinomial_logit.py, from nnet, which comes with R.
# Run in this folder: Rscript multinomial_logit.R
# Writes multinomial_logit.csv (400 cells of like households: two covariates, an offset for each of four fates, the
# fate, how many households) and multinomial_logit.json: coefficients, one row a fate, and deviance with offsets;
# coefficients and standard errors without offsets (with them nnet finds no Hessian); both with weights.
library(nnet)
set.seed(20261123)
n <- 400
a <- round(rnorm(n), 3)
b <- round(rexp(n), 3)
offset <- round(matrix(rnorm(4 * n, sd = 0.5), n), 3)
height <- offset + cbind(0, 0.3 - 0.5 * a, -0.4 + 0.2 * b, -0.8 + 0.4 * a - 0.3 * b)
chance <- exp(height) / rowSums(exp(height))
fate <- apply(chance, 1, function(p) sample(0:3, 1, prob = p))
weight <- sample(1:5, n, replace = TRUE)
data <- data.frame(a, b, o0 = offset[, 1], o1 = offset[, 2], o2 = offset[, 3], o3 = offset[, 4], fate, weight)
write.csv(data, "multinomial_logit.csv", row.names = FALSE)

# the criterion of its optimiser is set to rounding
fit <- function(formula, Hess) {
  multinom(formula, weights = weight, reltol = 1e-16, abstol = 0, maxit = 5000, trace = FALSE, Hess = Hess)
}
fate <- factor(fate)
with <- fit(fate ~ a + b + offset(offset), FALSE)
without <- fit(fate ~ a + b, TRUE)
show <- function(m) paste0("[", paste(apply(m, 1, function(r) paste0("[", paste(sprintf("%.10g", r), collapse = ", "), "]")), collapse = ",\n  "), "]")
errors <- matrix(sqrt(diag(solve(without$Hessian))), nrow = 3, byrow = TRUE)
writeLines(c(
  "{",
  paste0('"coefficients": ', show(coef(with)), ","),
  paste0('"errors": ', show(errors), ","),
  paste0('"deviance": ', sprintf("%.10g", with$deviance), ","),
  paste0('"without_offset": ', show(coef(without))),
  "}"
), "multinomial_logit.json")
