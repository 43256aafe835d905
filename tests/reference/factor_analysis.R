# Reference values for tests/test_factor_analysis.py and tests/test_reliability.py, from R's stats package.
# Run in this folder: Rscript factor_analysis.R
# Writes factor_analysis.csv (300 answers to 9 items, three correlated factors, from 1 to 7) and
# factor_analysis.json: maximum likelihood by factanal with varimax and regression scores, on these answers and
# on the 24 psychological tests of Harman (1976), which R ships; a Heywood case; oblimin (quartimin) by a search
# of its own over all oblique axes; the noise eigenvalues of parallel analysis by plain simulation; and omega.
set.seed(20261123)
n <- 300
phi <- matrix(0.3, 3, 3); diag(phi) <- 1
factors <- matrix(rnorm(n * 3), n) %*% chol(phi)
planted <- kronecker(diag(3), c(0.8, 0.7, 0.6))
planted[3, 2] <- 0.3
behind <- factors %*% t(planted) + matrix(rnorm(n * 9), n) %*% diag(sqrt(1 - diag(planted %*% phi %*% t(planted))))
answers <- pmin(pmax(round(4 + 1.3 * behind), 1), 7)
colnames(answers) <- paste0("q", 1:9)
write.csv(answers, "factor_analysis.csv", row.names = FALSE)

show <- function(x) {
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, function(r) show(c(r))), collapse = ",\n  "), "]"))
  if (length(x) == 1) return(sprintf("%.12g", x))
  paste0("[", paste(sprintf("%.12g", x), collapse = ", "), "]")
}
object <- function(...) {
  parts <- list(...)
  paste0("{", paste0('"', names(parts), '": ', unlist(parts), collapse = ",\n "), "}")
}
# factr 1e3 and eps 1e-14: converge beyond the defaults, so that more digits can be compared
tight <- list(opt = list(factr = 1e3, maxit = 2000), nstart = 4, rotate = list(eps = 1e-14))
fit <- function(..., scores = "none") {
  factanal(..., scores = scores, rotation = "varimax", control = tight)
}
parts <- function(found) {
  object(uniquenesses = show(unname(found$uniquenesses)), loadings = show(unclass(unname(found$loadings))),
         criterion = show(unname(found$criteria["objective"])), statistic = show(unname(found$STATISTIC)),
         dof = show(found$dof), p_value = show(unname(found$PVAL)))
}
ours <- fit(answers, factors = 3, scores = "regression")
bartlett <- fit(answers, factors = 3, scores = "Bartlett")
harman <- fit(covmat = Harman74.cor, factors = 4)

# a Heywood case: the correlation of two items asks for more than the whole of one of them
h <- matrix(c(1, .9, .85, .3, .2, .9, 1, .62, .3, .2, .85, .62, 1, .3, .2, .3, .3, .3, 1, .2, .2, .2, .2, .2, 1), 5)
heywood <- fit(covmat = h, factors = 1, n.obs = 200)

# oblimin with gamma 0: the least sum, over pairs of factors, of products of squared loadings
unrotated <- unclass(factanal(answers, factors = 3, rotation = "none", control = tight)$loadings)
axes <- function(v) { t <- matrix(v, 3); t / rep(sqrt(colSums(t^2)), each = 3) }
oblique <- function(v) unrotated %*% t(solve(axes(v)))
quartimin <- function(v) {
  squares <- oblique(v)^2
  (sum(rowSums(squares)^2) - sum(squares^2)) / 4
}
best <- NULL
for (start in 1:20) {
  go <- optim(rnorm(9), quartimin, method = "BFGS", control = list(maxit = 5000, reltol = 1e-16))
  if (is.null(best) || go$value < best$value) best <- go
}

noise <- sapply(1:5000, function(i) eigen(cor(matrix(rnorm(n * 9), n)), symmetric = TRUE, only.values = TRUE)$values)

# alpha of the first three items, with the interval of Feldt (1965)
three <- answers[, 1:3]
alpha <- 3 / 2 * (1 - sum(apply(three, 2, var)) / var(rowSums(three)))
feldt <- 1 - (1 - alpha) * qf(c(0.975, 0.025), n - 1, (n - 1) * 2)

# omega total of the first three items: one factor on their covariances
one <- factanal(answers[, 1:3], factors = 1, control = tight)
spread <- apply(answers[, 1:3], 2, sd)
common <- sum(one$loadings * spread)^2
writeLines(object(
  R = paste0('"', R.version$major, ".", R.version$minor, '"'),
  answers = parts(ours), regression_scores = show(unname(head(ours$scores, 5))),
  bartlett_scores = show(unname(head(bartlett$scores, 5))),
  harman_correlation = show(unname(Harman74.cor$cov)), harman = parts(harman),
  heywood_correlation = show(h), heywood = parts(heywood),
  oblimin_criterion = show(best$value), oblimin_loadings = show(unname(oblique(best$par))),
  oblimin_correlation = show(crossprod(axes(best$par))),
  noise_mean = show(rowMeans(noise)), noise_95 = show(apply(noise, 1, quantile, 0.95)),
  alpha = show(alpha), feldt = show(feldt),
  omega = show(common / (common + sum(one$uniquenesses * spread^2)))
), "factor_analysis.json")
