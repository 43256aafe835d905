# Reference values for tests/test_stats_few_clusters.py, from R's sandwich and clubSandwich.
# Run in this folder: Rscript few_clusters.R
# Writes few_clusters.csv (a panel of 12 branches over 10 months with gaps) and few_clusters.json.
suppressMessages({library(sandwich); library(clubSandwich)})
set.seed(20261123)
data <- expand.grid(month = 1:10, branch = 1:12)
data <- data[-c(3, 17, 18, 19, 64, 95, 96), ]
level <- rnorm(12); shock <- rnorm(10)
data$size <- round(rnorm(nrow(data)) + 0.3 * level[data$branch], 6)
data$cx <- round(rnorm(nrow(data)) + level[data$branch] + 0.4 * shock[data$month] + 0.3 * data$size, 6)
data$profit <- round(data$cx + level[data$branch] + shock[data$month] + 0.5 * data$size +
                     rnorm(nrow(data)) * (1 + (data$branch > 9)), 6)
write.csv(data[, c("branch", "month", "cx", "size", "profit")], "few_clusters.csv", row.names = FALSE)
report <- function(fit, cluster) {
  test <- coef_test(fit, vcov = vcovCR(fit, cluster = cluster, type = "CR2"), test = "Satterthwaite", coefs = "cx")
  c(std_error = test$SE, df = test$df_Satt)
}
controlled <- lm(profit ~ cx + size, data)
within <- lm(profit ~ cx + size + factor(branch) + factor(month), data)
two_way <- vcovCL(controlled, cluster = ~ branch + month, type = "HC1")
values <- list(
  controlled = list(estimate = unname(coef(controlled)["cx"]),
                    classical = sqrt(vcov(controlled)["cx", "cx"]),
                    robust = sqrt(vcovHC(controlled, "HC1")["cx", "cx"]),
                    branch = sqrt(vcovCL(controlled, ~ branch, type = "HC1")["cx", "cx"]),
                    two_way = sqrt(two_way["cx", "cx"]),
                    month = sqrt(vcovCL(controlled, ~ month, type = "HC1")["cx", "cx"]),
                    cr2_branch = as.list(report(controlled, data$branch)),
                    cr2_month = as.list(report(controlled, data$month))),
  within = list(estimate = unname(coef(within)["cx"]),
                classical = sqrt(vcov(within)["cx", "cx"]),
                cr2_branch = as.list(report(within, data$branch)),
                cr2_month = as.list(report(within, data$month)))
)
writeLines(jsonlite::toJSON(values, auto_unbox = TRUE, digits = NA, pretty = TRUE), "few_clusters.json")
