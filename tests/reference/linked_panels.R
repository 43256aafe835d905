# Reference values for tests/test_linkage_ladder.py, from R's sandwich and plm.
# Run in this folder: Rscript linked_panels.R
# Writes petersen.csv and grunfeld.csv (the data sets that come with these packages) and linked_panels.json.
suppressMessages({library(sandwich); library(plm)})
data("PetersenCL", package = "sandwich")
write.csv(PetersenCL[, c("firm", "year", "x", "y")], "petersen.csv", row.names = FALSE)
pooled <- lm(y ~ x, PetersenCL)
# G / (G - 1) * (n - 1) / (n - k), in two ways each of the three parts with its own
error <- function(by) sqrt(vcovCL(pooled, cluster = by, type = "HC1")["x", "x"])
data("Grunfeld", package = "plm")
write.csv(Grunfeld, "grunfeld.csv", row.names = FALSE)
within <- function(effect) unname(coef(plm(inv ~ value + capital, Grunfeld, index = c("firm", "year"),
                                           model = "within", effect = effect)))
numbers <- function(v) paste0("[", paste(sprintf("%.15g", v), collapse = ", "), "]")
writeLines(c(
  "{",
  paste0(' "R": "', getRversion(), '", "plm": "', packageVersion("plm"), '", "sandwich": "',
         packageVersion("sandwich"), '",'),
  paste0(' "petersen": {"slope": ', sprintf("%.15g", coef(pooled)[["x"]]),
         ', "firm": ', sprintf("%.15g", error(~firm)), ', "year": ', sprintf("%.15g", error(~year)),
         ', "both": ', sprintf("%.15g", error(~firm + year)), "},"),
  paste0(' "grunfeld": {"individual": ', numbers(within("individual")), ', "twoways": ',
         numbers(within("twoways")), "}"),
  "}"), "linked_panels.json")
