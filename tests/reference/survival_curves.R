# Reference values for the curves: tests/test_lifetable.py, test_log_rank.py, test_competing_risks.py,
# test_restricted_mean.py and test_confidence_bands.py, from R's survival and cmprsk.
# Run in this folder: Rscript survival_curves.R
# Writes survival_curves.csv (all data sets, one below the other) and survival_curves.json (17 digits).
library(survival)
library(cmprsk)

simulated <- function(seed, n, unit, late, shape = 1) {
  set.seed(seed)
  lived <- 20 * rweibull(n, shape)
  watched <- runif(n, 4, 45)
  cause <- sample(1:3, n, TRUE, c(.5, .3, .2))
  # half are seen from the start, so that somebody is watched throughout
  entry <- if (late) runif(n, 0, 15) * rbinom(n, 1, .5) else numeric(n)
  if (unit > 0) {
    lived <- unit * ceiling(lived / unit); watched <- unit * ceiling(watched / unit)
    entry <- unit * floor(entry / unit)
  }
  data <- data.frame(entry, duration = pmin(lived, watched), cause = ifelse(lived <= watched, cause, 0),
                     group = sample(0:2, n, TRUE), stratum = sample(0:3, n, TRUE))
  # fifteen digits, so that the file holds what was computed with
  data[] <- lapply(data, function(x) as.numeric(sprintf("%.15g", x)))
  data[data$duration > data$entry, ]
}
lung <- with(survival::lung, data.frame(entry = 0, duration = time, cause = status - 1, group = sex - 1,
                                        stratum = ifelse(is.na(ph.ecog), 0, ph.ecog)))
veteran <- with(survival::veteran, data.frame(entry = 0, duration = time, cause = status, group = trt - 1,
                                              stratum = as.integer(celltype) - 1))
sets <- list(lung = lung, veteran = veteran,
             continuous = simulated(1, 250, 0, FALSE), tied = simulated(2, 400, 2, FALSE, 1.5),
             late = simulated(3, 350, 0, TRUE), late_tied = simulated(4, 500, 1, TRUE, 0.8),
             late_weekly = simulated(5, 300, 0.25, TRUE))
write.csv(do.call(rbind, lapply(names(sets), function(s) cbind(set = s, sets[[s]]))),
          "survival_curves.csv", row.names = FALSE)

json <- function(x) {
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', sapply(x, json), collapse = ",\n"), "}"))
  text <- ifelse(is.na(x), "null", ifelse(is.infinite(x), "1e999", sprintf("%.17g", x)))
  paste0("[", paste0(text, collapse = ", "), "]")
}

kaplan_meier <- function(d) {
  late <- any(d$entry > 0)
  fit <- if (late) survfit(Surv(entry, duration, cause > 0) ~ 1, d, conf.type = "log-log") else
    survfit(Surv(duration, cause > 0) ~ 1, d, conf.type = "log-log")
  q <- quantile(fit, c(.1, .25, .5, .75))
  h <- 0.8 * max(fit$time[fit$surv > 0])
  r <- survival:::survmean(fit, rmean = h)$matrix
  list(time = fit$time, at_risk = fit$n.risk, events = fit$n.event, survival = fit$surv,
       relative_error = fit$std.err, low = fit$lower, high = fit$upper,
       quantile = q$quantile, quantile_low = q$lower, quantile_high = q$upper,
       horizon = h, mean = r[["rmean"]], mean_error = r[["se(rmean)"]])
}

test <- function(fit) c(fit$chisq, sum(rowSums(cbind(fit$exp)) > 0) - 1)
log_ranks <- function(d) {
  if (any(d$entry > 0)) {
    # survdiff takes no late entry. The log-rank test is the generalised Mantel-Haenszel test over the risk
    # sets, one table of group by left for each time (and stratum)
    over <- function(stratum) {
      at <- unique(data.frame(time = d$duration, stratum)[d$cause > 0, ])
      sets <- lapply(seq_len(nrow(at)), function(i) {
        here <- d$entry < at$time[i] & d$duration >= at$time[i] & stratum == at$stratum[i]
        table(factor(d$group[here], 0:2), factor((d$cause > 0 & d$duration == at$time[i])[here], c(FALSE, TRUE)))
      })
      sets <- sets[sapply(sets, sum) > 1]
      found <- mantelhaen.test(array(unlist(sets), c(3, 2, length(sets))), correct = FALSE)
      unname(c(found$statistic, found$parameter))
    }
    return(list(plain = over(0 * d$stratum), stratified = over(d$stratum)))
  }
  formula <- Surv(duration, cause > 0) ~ group
  both <- Surv(duration, cause > 0) ~ group + strata(stratum)
  list(plain = test(survdiff(formula, d)), rho = test(survdiff(formula, d, rho = 1)),
       half = test(survdiff(formula, d, rho = 0.5)), stratified = test(survdiff(both, d)),
       stratified_rho = test(survdiff(both, d, rho = 1)))
}

causes <- function(d) {
  d$state <- factor(d$cause, sort(unique(c(0, d$cause))))
  d$id <- seq_len(nrow(d))
  k <- nlevels(d$state) - 1
  fit <- if (any(d$entry > 0)) survfit(Surv(entry, duration, state) ~ 1, d, id = id) else
    survfit(Surv(duration, state) ~ 1, d, id = id)
  found <- list(time = fit$time)
  for (i in 1:k) {
    found[[paste0("incidence", i)]] <- fit$pstate[, i + 1]
    found[[paste0("error", i)]] <- fit$std.err[, i + 1]
  }
  if (any(d$entry > 0)) return(found)
  one <- cuminc(d$duration, d$cause)
  points <- timepoints(one, sort(unique(d$duration[d$cause > 0])))
  for (i in 1:k) {
    found[[paste0("gray_time", i)]] <- as.numeric(colnames(points$est))
    found[[paste0("gray_est", i)]] <- points$est[i, ]
    found[[paste0("gray_var", i)]] <- points$var[i, ]
  }
  found$gray <- cuminc(d$duration, d$cause, d$group)$Tests[, 1]
  found$gray_rho <- cuminc(d$duration, d$cause, d$group, rho = 1)$Tests[, 1]
  found
}

# Critical values by other roads than ours: the bridge by integrating over where it is at both ends of the
# range, with images of the corridor's sides; the stationary process by solving the heat equation on a grid.
bridge <- function(k, a, b) {
  images <- -8:8
  stays <- function(x, y) {
    t <- b - a
    rowSums(sapply(images, function(m) dnorm(y - x - 4 * m * k, sd = sqrt(t)) - dnorm(y - 2 * k + x - 4 * m * k, sd = sqrt(t))))
  }
  inner <- function(x) sapply(x, function(one) integrate(function(y)
    stays(rep(one, length(y)), y) * dnorm(y, sd = sqrt(1 - b)), -k, k, rel.tol = 1e-11)$value * dnorm(one, sd = sqrt(a)))
  integrate(inner, -k, k, rel.tol = 1e-10)$value / dnorm(0)
}
stationary <- function(k, length, cells) {
  # expected survival of the corridor, backward equation f'' - x f', by Crank and Nicolson
  h <- 2 * k / cells; x <- (-k + h * seq_len(cells - 1)); steps <- cells; dt <- length / steps
  m <- length(x)
  A <- matrix(0, m, m)
  A[cbind(1:m, 1:m)] <- -2 / h^2
  A[cbind(1:(m - 1), 2:m)] <- 1 / h^2 - x[-m] / (2 * h)
  A[cbind(2:m, 1:(m - 1))] <- 1 / h^2 + x[-1] / (2 * h)
  f <- rep(1, m)
  # four half steps backward damp the jump at the sides
  back <- solve(diag(m) - dt / 4 * A)
  for (i in 1:4) f <- back %*% f
  step <- solve(diag(m) - dt / 2 * A, diag(m) + dt / 2 * A)
  for (i in seq_len(steps - 1)) f <- step %*% f
  sum(f * dnorm(x)) * h
}
richardson <- function(k, length) (4 * stationary(k, length, 160) - stationary(k, length, 80)) / 3
hw <- rbind(c(.1, .6, 1.2), c(.1, .9, 1.36), c(.25, .75, 1.5), c(.02, .5, 1.1), c(.4, .45, 1))
ep <- rbind(c(1.5, 2.4), c(4, 2.6), c(36, 2.9), c(361, 3.2))
# the chance to stay inside so wide a corridor
bands <- list(hw_from = hw[, 1], hw_to = hw[, 2], hw_width = hw[, 3],
              hw_inside = apply(hw, 1, function(r) bridge(r[3], r[1], r[2])),
              ep_ratio = ep[, 1], ep_width = ep[, 2],
              ep_inside = apply(ep, 1, function(r) richardson(r[2], log(r[1]) / 2)))

writeLines(json(c(lapply(sets, function(d) list(km = kaplan_meier(d), log_rank = log_ranks(d), causes = causes(d))),
                  list(bands = bands))), "survival_curves.json")
cat(R.version.string, "survival", format(packageVersion("survival")), "cmprsk", format(packageVersion("cmprsk")), "\n")
