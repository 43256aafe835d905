# Dissimilarities of Gower by daisy() of R's package cluster, for tests/test_gower.py.
# Run in this folder: Rscript gower.R
# Reads gower.csv (numbers, names, some of them missing); writes gower_daisy.csv, one row a case: three numbers
# and two names; the same with weights; numbers alone; names alone. Each row has the lower triangle, by columns.
library(cluster)
things <- read.csv("gower.csv", stringsAsFactors = TRUE, na.strings = "")
numbers <- things[, c("body", "acidity", "price")]
labels <- things[, c("country", "colour")]
lower <- function(frame, ...) as.vector(daisy(frame, metric = "gower", stand = FALSE, ...))
cases <- list(
  plain = lower(cbind(numbers, labels)),
  weighted = lower(cbind(numbers, labels), weights = c(2, 1, 0.5, 3, 1)),
  numbers = lower(numbers),
  names = lower(labels)
)
out <- data.frame(case = names(cases), do.call(rbind, cases), row.names = NULL)
write.csv(format(out, digits = 15), "gower_daisy.csv", row.names = FALSE, quote = FALSE)
cat("cluster", as.character(packageVersion("cluster")), R.version.string, "\n")
