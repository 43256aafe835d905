# Reference values for tests/test_fates.py, from base R.
# Run in this folder: Rscript goodman.R
# Writes goodman.json: Goodman's (1965) simultaneous intervals for multinomial shares by his formula (2.9)/(2.14),
# and Wilson's intervals for each share alone by prop.test without continuity correction.
counts <- c(62, 25, 8, 5)
total <- sum(counts)
intervals <- function(level) {
  q <- qchisq(1 - (1 - level) / length(counts), 1)
  half <- sqrt(q * (q + 4 * counts * (total - counts) / total))
  list(low = (q + 2 * counts - half) / (2 * (total + q)), high = (q + 2 * counts + half) / (2 * (total + q)))
}
wilson <- function(level) {
  ends <- sapply(counts, function(x) prop.test(x, total, conf.level = level, correct = FALSE)$conf.int)
  list(low = ends[1, ], high = ends[2, ])
}
show <- function(x) paste0("[", paste(sprintf("%.12g", x), collapse = ", "), "]")
entry <- function(name, level) {
  g <- intervals(level)
  w <- wilson(level)
  sprintf('"%s": {"sim_low": %s, "sim_high": %s, "low": %s, "high": %s}', name, show(g$low), show(g$high),
    show(w$low), show(w$high))
}
writeLines(sprintf('{"counts": %s,\n %s,\n %s}', show(counts), entry("0.95", 0.95), entry("0.8", 0.8)),
  "goodman.json")
