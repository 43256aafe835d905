# Reference values for tests/test_employees_mirror.py and tests/test_employees_leaving.py; run in this folder.
# R 4, plm, lavaan, survival. Writes mirror.json.
suppressMessages({library(plm); library(lavaan); library(survival)})
options(digits = 15)
d <- read.csv("mirror.csv")
d <- d[order(d$unit, d$period), ]
lagged <- function(v, u) ave(v, u, FUN = function(z) c(NA, head(z, -1)))
d$e1 <- lagged(d$e, d$unit); d$x1 <- lagged(d$x, d$unit)
d2 <- d[!is.na(d$e1), ]
p <- pdata.frame(d2, index = c("unit", "period"))
we <- plm(e ~ e1 + x1, p, model = "within", effect = "twoways")
wx <- plm(x ~ e1 + x1, p, model = "within", effect = "twoways")
ws <- plm(x ~ e + e1 + x1, p, model = "within", effect = "twoways")
# the half-panel jackknife: 13 steps, so both halves, of 7 each, share the one in the middle; the pull is as one
# over the steps, so it drops out of w times the whole less w - 1 times the halves if w / 13 = (w - 1) / 7
part <- function(months) {
  h <- d[d$period %in% months, ]
  h$e1 <- lagged(h$e, h$unit); h$x1 <- lagged(h$x, h$unit)
  coef(plm(e ~ e1 + x1, pdata.frame(h[!is.na(h$e1), ], index = c("unit", "period")), model = "within",
           effect = "twoways"))
}
w <- 13 / 6
jack <- w * coef(we) - (w - 1) * (part(1:8) + part(7:14)) / 2
# the traditional cross-lagged model: paths the same in all periods, means of periods free, no unit levels
d3 <- d2
for (v in c("e", "x", "e1", "x1")) d3[[v]] <- d3[[v]] - ave(d3[[v]], d3$period)
clpm <- sem("e ~ e1 + x1\nx ~ e1 + x1\ne ~~ x", d3, meanstructure = FALSE)
est <- parameterEstimates(clpm)
path <- function(l, r) est$est[est$lhs == l & est$op == "~" & est$rhs == r]
# difference GMM beside: same moments in spirit, far wider
full <- pdata.frame(d, index = c("unit", "period"))
gmm <- pgmm(e ~ lag(e, 1) + lag(x, 1) | lag(e, 2:4) + lag(x, 2:4), full, effect = "twoways",
            model = "onestep", transformation = "d")
g <- coef(gmm)[1:2]; gse <- sqrt(diag(vcovHC(gmm)))[1:2]
s <- read.csv("leaving_stays.csv")
km <- survfit(Surv(entry, end, event) ~ 1, s, conf.type = "log-log")
at <- summary(km, times = c(200, 400, 600), extend = FALSE)
cells <- read.csv("leaving_cells.csv")
m <- glm(cbind(left, n - left) ~ 0 + factor(month) + score, binomial("cloglog"), cells,
         control = glm.control(epsilon = 1e-14, maxit = 100))
num <- function(v) paste0("[", paste(format(v, digits = 15), collapse = ", "), "]")
# the model's error from the observed information, as cemlab takes it
h <- exp(predict(m)); y <- cells$left
r <- h / expm1(h); curve <- y * r * (1 - h - r) - (cells$n - y) * h
X <- model.matrix(m); V <- solve(-t(X) %*% (X * curve))
cat(sprintf('{\n  "within_e": %s,\n  "within_x": %s,\n  "same_month": %s,\n  "jackknife_e": %s,\n  "clpm_e": %s,\n  "clpm_x": %s,\n  "gmm_e": %s,\n  "gmm_e_se": %s,\n  "km": %s,\n  "km_low": %s,\n  "km_high": %s,\n  "log_ratio": %s,\n  "log_ratio_se": %s\n}\n',
  num(coef(we)), num(coef(wx)), num(coef(ws)[1]), num(jack), num(c(path("e", "e1"), path("e", "x1"))),
  num(c(path("x", "e1"), path("x", "x1"))), num(g), num(gse), num(at$surv), num(at$lower), num(at$upper),
  num(coef(m)["score"]), num(sqrt(diag(V))["score"])), file = "mirror.json")
