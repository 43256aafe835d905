# Reference values for tests/test_linkage_shape.py, from R's lm, splines and sandwich.
# Run in this folder: Rscript shape.R
# Writes shape.csv (a panel of 15 branches over 12 months with gaps and weights) and shape.json.
suppressMessages({library(sandwich); library(splines)})
set.seed(20261124)
data <- expand.grid(month = 1:12, branch = 1:15)
data <- data[-c(5, 29, 30, 31, 88, 150), ]
level <- rnorm(15); shock <- rnorm(12)
data$cx <- round(0.7 * level[data$branch] + rnorm(nrow(data)), 6)
data$size <- round(rnorm(nrow(data)) + 0.3 * data$cx, 6)
data$customers <- round(runif(nrow(data), 50, 150))
data$format <- c("city", "country", "mall")[(data$branch - 1) %% 3 + 1]
data$profit <- round(data$cx + 0.3 * data$cx^2 + level[data$branch] + shock[data$month] + 0.4 * data$size +
                     rnorm(nrow(data)), 6)
write.csv(data[, c("branch", "month", "cx", "size", "customers", "format", "profit")], "shape.csv",
          row.names = FALSE)
m <- nrow(data); months <- 12; branches <- 15
# branches lie within clusters and are not counted among the coefficients
clustered <- function(fit, k) {
  vcovCL(fit, ~ branch, type = "HC0", cadjust = TRUE) * (m - 1) / (m - k - months)
}
told <- function(fit, rows, covariance) {
  list(estimate = as.vector(rows %*% coef(fit)), std_error = sqrt(diag(rows %*% covariance %*% t(rows))))
}

knots <- c(-1.5, -0.3, 0.6, 1.8); at <- c(-2, -1, 0.5, 1, 2.2)
basis <- function(x) ns(x, knots = knots[2:3], Boundary.knots = knots[c(1, 4)])
spline <- lm(profit ~ basis(cx) + size + factor(branch) + factor(month), data)
middle <- mean(data$cx)
rows <- matrix(0, length(at), length(coef(spline)))
rows[, 2:4] <- sweep(basis(at), 2, as.vector(basis(middle)))
covariance <- clustered(spline, 4)
slope_rows <- rows; step <- 1e-4
slope_rows[, 2:4] <- (basis(at + step) - basis(at - step)) / (2 * step)
# every branch left out, months' levels found anew
jackknife <- sapply(1:branches, function(b) {
  data_b <- data[data$branch != b, ]
  fit_b <- lm(profit ~ basis(cx) + size + factor(branch) + factor(month), data_b)
  as.vector(rows[, 2:4] %*% coef(fit_b)[2:4])
})
jack <- sqrt((branches - 1) / branches * rowSums((jackknife - as.vector(rows %*% coef(spline)))^2))

weighted <- lm(profit ~ cx + I(cx^2) + factor(branch) + factor(month), data, weights = customers)
pick <- matrix(0, 2, length(coef(weighted))); pick[1, 2] <- 1; pick[2, 3] <- 1

split <- lm(profit ~ cx:factor(format) + factor(branch) + factor(month), data)
names_of <- grep("^cx:", names(coef(split)))
per <- matrix(0, 3, length(coef(split))); for (j in 1:3) per[j, names_of[j]] <- 1

values <- list(at = at, knots = knots,
               spline = told(spline, rows, covariance),
               spline_slope = as.vector(slope_rows %*% coef(spline)),
               spline_jackknife = jack,
               quadratic = told(weighted, pick, clustered(weighted, 2)),
               segments = told(split, per, clustered(split, 3)))
writeLines(jsonlite::toJSON(values, digits = 15, auto_unbox = TRUE, pretty = TRUE), "shape.json")
