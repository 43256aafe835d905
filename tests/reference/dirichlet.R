# Reference values for tests/test_dirichlet*.py, from base R.
# Run in this folder: Rscript dirichlet.R
# Writes dirichlet.csv (a panel of 300 category buyers, purchases of three brands) and dirichlet.json: the maximum
# of the household-by-household likelihood by optim, its numerical errors; the fates of loyal households by adding
# up every combination of purchases in two periods; and a market's measures by adding up every combination in one.
set.seed(20261124)
panel <- NULL
while (is.null(panel) || nrow(panel) < 300) {
  n <- rpois(1, rgamma(1, 1.2, 1.2 / 3))
  share <- rgamma(3, c(0.7, 0.4, 0.3))
  if (n > 0) panel <- rbind(panel, c(rmultinom(1, n, share)))
}
colnames(panel) <- c("a", "b", "c")
write.csv(panel, "dirichlet.csv", row.names = FALSE)

n <- rowSums(panel)
minus <- function(theta) {
  e <- exp(theta)
  nbd <- dnbinom(n, size = e[2], mu = e[1], log = TRUE) - log(-expm1(e[2] * log(e[2] / (e[1] + e[2]))))
  alpha <- e[3:5]
  choice <- lgamma(n + 1) + lgamma(sum(alpha)) - lgamma(sum(alpha) + n)
  for (j in 1:3) choice <- choice + lgamma(alpha[j] + panel[, j]) - lgamma(alpha[j]) - lgamma(panel[, j] + 1)
  -sum(nbd) - sum(choice)
}
best <- optim(c(1, 0, -1, -1, -1), minus, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))
best <- optim(best$par, minus, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000, ndeps = rep(1e-5, 5)))
errors <- sqrt(diag(solve(optimHess(best$par, minus, control = list(ndeps = rep(1e-3, 5))))))

fates <- function(M, K, alpha, rest, threshold, least, least_ahead, length, most) {
  both <- function(n, x, m, y) { # log chance of x of n now and y of m later
    t <- n + m
    lgamma(K + t) - lgamma(K) - lgamma(n + 1) - lgamma(m + 1) + K * log(K / (K + M * (1 + length))) +
      n * log(M / (K + M * (1 + length))) + m * log(M * length / (K + M * (1 + length))) +
      lchoose(n, x) + lchoose(m, y) + lbeta(alpha + x + y, rest + t - x - y) - lbeta(alpha, rest)
  }
  later <- do.call(rbind, lapply(0:most, function(m) cbind(m, 0:m)))
  m <- later[, 1]; y <- later[, 2]
  fate <- ifelse(m < least_ahead, 4, ifelse(y == 0, 3, ifelse(y >= threshold * m - 1e-9, 1, 2)))
  total <- numeric(4)
  for (n in least:most) for (x in 1:n) if (x >= threshold * n - 1e-9)
    total <- total + rowsum(c(exp(both(n, x, m, y)), 0, 0, 0, 0), c(fate, 1:4))[, 1]
  c(sum(total), total / sum(total))
}
cases <- list(
  c(0.8, 1, 0.12, 1.08, 0.7, 1, 1, 1, 70), c(6, 1.5, 0.12, 1.08, 0.7, 1, 1, 1, 150),
  c(6, 1.5, 0.12, 1.08, 0.7, 3, 3, 1, 150), c(2, 0.5, 0.9, 0.05, 1, 2, 1, 0.5, 140),
  c(3, 20, 1.5, 4, 0.5, 1, 1, 2, 60), c(0.3, 0.1, 0.02, 3, 0.9, 1, 2, 1, 100))
fated <- lapply(cases, function(k) do.call(fates, as.list(k)))

M <- 1.456; K <- 0.7788; S <- 1.55; p <- c(0.25, 0.19, 0.1, 0.46)
N <- 120
measure <- function(j) {
  a <- S * p[j]; b <- S - a
  g <- do.call(rbind, lapply(0:N, function(n) cbind(n, 0:n)))
  n <- g[, 1]; x <- g[, 2]
  w <- dnbinom(n, size = K, mu = M) * choose(n, x) * exp(lbeta(a + x, b + n - x) - lbeta(a, b))
  buyers <- sum(w[x > 0])
  # two periods together are one of mean 2 M, each purchase in either with chance a half
  n2 <- do.call(rbind, lapply(0:(2 * N), function(n) cbind(n, 0:n)))
  v <- dnbinom(n2[, 1], size = K, mu = 2 * M) * exp(lchoose(n2[, 1], n2[, 2]) +
    lbeta(a + n2[, 2], b + n2[, 1] - n2[, 2]) - lbeta(a, b))
  one <- 0.5^n2[, 2] # of x purchases all in the first, or all in the second period
  again <- sum((v * (1 - 2 * one))[n2[, 2] > 0])
  # mean purchases of the second period, where both have some: x / 2 less x 0.5^x if all are there
  later <- sum((v * (n2[, 2] / 2 - n2[, 2] * one))[n2[, 2] > 0])
  c(buyers, sum((w * x)) / buyers, sum((w * n)[x > 0]) / buyers, sum(w[x == 1]) / buyers,
    sum(w[x > 0 & x == n]) / buyers, sum((w * x)[x > 0 & x == n]) / sum(w[x > 0 & x == n]), again / buyers, later / again)
}
measures <- lapply(1:3, measure)

show <- function(x) {
  if (is.list(x)) return(paste0("[", paste(sapply(x, show), collapse = ",\n  "), "]"))
  paste0("[", paste(sprintf("%.12g", x), collapse = ", "), "]")
}
writeLines(paste0(
  "{\n\"log_parameters\": ", show(best$par), ",\n\"errors\": ", show(errors),
  ",\n\"log_likelihood\": ", show(-best$value), ",\n\"cases\": ", show(cases), ",\n\"loyal_and_fates\": ", show(fated),
  ",\n\"measures\": ", show(measures), "\n}"), "dirichlet.json")
