# Kaplan-Meier with bands by group, by R's survfit. Prints seconds of reading, of fitting, and the fit's
# processor seconds.
library(survival)
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]
n <- as.integer(args[2])
column <- function(name) readBin(file.path(folder, paste0(name, ".bin")), "integer", n, size = 4, endian = "little")
timed <- function(expression) system.time(expression, gcFirst = FALSE)

reading <- timed({
  group <- factor(column("group"))
  days <- column("days")
  left <- column("left")
})
few <- seq_len(min(n, 2000))
invisible(survfit(Surv(days[few], left[few]) ~ group[few], conf.type = "log-log"))
fitting <- timed(fit <- survfit(Surv(days, left) ~ group, conf.type = "log-log"))

drops <- fit$n.event > 0
of <- rep(seq_along(fit$strata), fit$strata)
writeBin(fit$surv[drops], file.path(folder, "estimates.bin"), endian = "little")
writeBin(as.integer(tapply(drops, of, sum)), file.path(folder, "sizes.bin"), endian = "little")
cat(reading[["elapsed"]], fitting[["elapsed"]], fitting[["user.self"]] + fitting[["sys.self"]], "\n")
