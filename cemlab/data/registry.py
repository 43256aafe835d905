"""The public data sets: where each comes from, by which sum it is known, and on what terms.

Every address is pinned to a commit, so that what is downloaded today is what was checked. What a
column means, and which rows count, stands in the settings of ``data/adapters``; what those cannot say, in
:mod:`cemlab.data.adapters`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_GITHUB = "https://raw.githubusercontent.com"
# plain HTTP only to this very machine, which the tests use
_ADDRESS = re.compile(r"(https://|http://127\.0\.0\.1:)[!-~]+")
_SUM = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One public data set.

    Parameters
    ----------
    name, title
        What it is called in code, and by people.
    row
        What one row of the file is.
    file
        What the file is called in the cache.
    address
        Where it is downloaded from; with ``parts``, the folder they lie in, with a ``/`` at its end.
    parts
        The files that are joined in this order under one header and compressed, where the source is split.
    sha256
        The SHA-256 of the file.
    content_sha256
        For a compressed file, the SHA-256 of what is in it: compressors differ in the bytes they write,
        so either sum makes the file valid.
    size
        The length of the content, uncompressed, in bytes; nothing longer is read.
    licence, citation
        On what terms it may be used, and how to name it.
    source
        The line that stands under every figure made from it.
    fictional
        Whether the company was made up.
    coding
        How the file is written: missing codes, forms of identifiers.

    Examples
    --------
    >>> DATASETS["rossi"].row
    'a man released from prison, followed for a year'
    """

    name: str
    title: str
    row: str
    file: str
    address: str
    sha256: str
    size: int
    licence: str
    citation: str
    source: str
    parts: tuple[str, ...] = ()
    content_sha256: str = ""
    fictional: bool = False
    coding: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.address) or (self.parts and not self.address.endswith("/")):
            raise ValueError(
                f"data set {self.name!r}: {self.address!r} is not an https address as needed here"
            )
        for name in (self.file, *self.parts):
            if not _FILE.fullmatch(name):
                raise ValueError(f"data set {self.name!r}: {name!r} is not a plain file name")
        for value in (self.sha256, self.content_sha256 or self.sha256):
            if not _SUM.fullmatch(value):
                raise ValueError(f"data set {self.name!r}: {value!r} is not a SHA-256 in lower-case hex")


def _github(repository: str, commit: str, path: str) -> str:
    return f"{_GITHUB}/{repository}/{commit}/{path}"


# No trade on Saturdays, over Christmas and on these other days: there is no file for them.
_CLOSED = {date(2010, 12, 24), date(2011, 4, 22), date(2011, 4, 24), date(2011, 4, 25), date(2011, 4, 29)}
_CLOSED |= {date(2011, 5, 2), date(2011, 5, 30), date(2011, 8, 29)}
_CLOSED |= {date(2010, 12, 26) + timedelta(days=n) for n in range(9)}  # 26 December to 3 January


def _retail_days() -> tuple[str, ...]:
    """Return the 305 files of Online Retail, one a day of trade from 2010-12-01 to 2011-12-09."""
    first, last = date(2010, 12, 1), date(2011, 12, 9)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    saturday = 5
    return tuple(f"{day}.csv" for day in days if day.weekday() != saturday and day not in _CLOSED)


_CDNOW = "public teaching data (Fader & Hardie), no formal licence"
_CUSTOMER_ANALYTICS = ("abdullahau/customer-analytics", "2513a94444d5aa34f449d9eaa18ba0af0676ff2d")

_ALL = (
    Dataset(
        name="cdnow",
        title="CDNOW",
        row="a day's purchase of a customer",
        file="CDNOW_master.txt",
        address=_github(*_CUSTOMER_ANALYTICS, "data/CDNOW/CDNOW_master.txt"),
        sha256="9e97de752b7d284a940d57f6d7afbb8b1f8458a2a24fbe441e9a208698be279c",
        size=1_880_793,
        licence=_CDNOW,
        citation=(
            "Fader, P. S., Hardie, B. G. S. (2001). Forecasting repeat sales at CDNOW: a case study. "
            "Interfaces 31(3), S94–S107."
        ),
        source="CDNOW, buyers new in early 1997 (Fader & Hardie 2001), public teaching data",
        coding=("no header; columns of fixed width: customer, date as YYYYMMDD, CDs, US dollars",),
    ),
    Dataset(
        name="cdnow_sample",
        title="CDNOW, one customer in ten",
        row="a day's purchase of a customer",
        file="CDNOW_sample.txt",
        address=_github(
            "CamDavidsonPilon/lifetimes",
            "4f2833f4518621343bb6983eb3e540c11f66ec6a",
            "lifetimes/datasets/CDNOW_sample.txt",
        ),
        sha256="6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
        size=228_327,
        licence=_CDNOW,
        citation=(
            'Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005). "Counting your customers" the easy way. '
            "Marketing Science 24(2), 275–284."
        ),
        source="CDNOW, one buyer in ten of those new in early 1997 (Fader et al. 2005), public teaching data",
        coding=(
            "no header; columns of fixed width: customer in the full file, customer in the sample, "
            "date as YYYYMMDD, CDs, US dollars",
        ),
    ),
    Dataset(
        name="online_retail",
        title="Online Retail",
        row="a line of an invoice",
        file="online_retail.csv.gz",
        address=_github(
            "databricks/Spark-The-Definitive-Guide",
            "4ba5601eb9b9aed1d01ab79775e3af228216ff6f",
            "data/retail-data/by-day/",
        ),
        parts=_retail_days(),
        sha256="98d00fe61566d867c4aa8c4b7fc718eb6a3d0c04983175809b8cbcd215c2d2e8",
        content_sha256="c35975c40d0e1e105090fbb11188a409393055f873841bd012915475fc84e69f",
        size=48_039_726,
        licence="CC BY 4.0",
        citation=(
            "Chen, D. (2015). Online Retail [data set]. UCI Machine Learning Repository. "
            "https://doi.org/10.24432/C5BW33"
        ),
        source="Online Retail (Chen 2015), CC BY 4.0",
        coding=(
            'customer identifiers are written as numbers with ".0"',
            "invoice numbers of cancelled orders begin with C, of corrections to the books with A",
        ),
    ),
    Dataset(
        name="telco",
        title="Telco customer churn (fictional company)",
        row="a customer of a fictional telephone company",
        file="Telco-Customer-Churn.csv",
        address=_github(
            "IBM/telco-customer-churn-on-icp4d",
            "d5371f5d83a446ad5673cbcca3b814b926491f8a",
            "data/Telco-Customer-Churn.csv",
        ),
        sha256="16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91",
        size=970_457,
        licence="Apache-2.0",
        citation="IBM. Telco customer churn: sample data of a fictional company.",
        source="Telco customer churn, a fictional company (IBM sample data), Apache-2.0",
        fictional=True,
        coding=("a blank in TotalCharges: no month has been charged yet",),
    ),
    Dataset(
        name="sfo_2017",
        title="SFO customer survey 2017",
        row="a passenger who answered the survey",
        file="sfo_customer_survey_2017.csv",
        address=_github(
            "ronyarmon/SFO",
            "8f50307b45911b26b01159d824bdbe13ac9be24c",
            "data/raw/2017_SFO_Customer_Survey_20250817.csv",
        ),
        sha256="171423b74247f1c0144a93104ef19265975be6a78c6665a7319d8efbc7d1493e",
        size=734_802,
        licence="public domain (PDDL)",
        citation="San Francisco International Airport (2017). 2017 customer survey [data set].",
        source="San Francisco International Airport, customer survey 2017, public domain (PDDL)",
        coding=(
            "ratings 1 to 5; 6 = never used or not applicable, 0 = blank; the overall rating says 'Blank'",
            "likelihood to recommend 0 to 10; 11 = blank",
            "the interview date is the day of May 2017",
        ),
    ),
    Dataset(
        name="rossi",
        title="Rossi recidivism study",
        row="a man released from prison, followed for a year",
        file="rossi.csv",
        address=_github(
            "CamDavidsonPilon/lifelines",
            "ad023a013edaff89926ec118b16d4a0d644db9b5",
            "lifelines/datasets/rossi.csv",
        ),
        sha256="0214400170e07f3015a285edca2014cac0dae8aac125fcbaad642490e05f892c",
        size=8_693,
        licence="MIT (as distributed with lifelines)",
        citation=(
            "Rossi, P. H., Berk, R. A., Lenihan, K. J. (1980). Money, work, and crime: some experimental "
            "results. Academic Press."
        ),
        source=(
            "Recidivism study (Rossi, Berk & Lenihan 1980), no customers: used to check the method against "
            "published figures; MIT"
        ),
        coding=("week: of the first arrest, or 52; arrest: 1 = arrested",),
    ),
    Dataset(
        name="two_segment_retention",
        title="Two-segment retention",
        row="a year: customers of 1,000 still there at its start, by segment",
        file="two_segment_retention.csv",
        address=_github(*_CUSTOMER_ANALYTICS, "data/2-segment-retention.csv"),
        sha256="231f78f979c2d329c63a3f87580dc8acd76ebcc51b2ebdf8c360b6f6c4d9ee95",
        size=161,
        licence="published figures (Fader & Hardie 2007)",
        citation=(
            "Fader, P. S., Hardie, B. G. S. (2007). How to project customer retention. "
            "Journal of Interactive Marketing 21(1), 76–90."
        ),
        source="Customer retention of two segments (figures published by Fader & Hardie 2007)",
        coding=("begins with a UTF-8 byte order mark",),
    ),
    Dataset(
        name="water_survey",
        title="Survey of water customers",
        row="a questionnaire, finished or broken off",
        file="water_customer_survey.csv",
        address=_github(
            "pprevos/r4h2o", "9db7209aa0df30c76f3fbf7e05a7b0ff261c8110", "data/customer_survey.csv"
        ),
        sha256="942e6767ccd4df3f6954d53ce0530e5f84fe91ae0274a36fa1d00b9802ba2551",
        size=186_331,
        licence="CC BY-SA 4.0",
        citation="Prevos, P. Survey of tap water customers (2015), in: R4H2O, data science for water.",
        source="Survey of water customers (Prevos, R4H2O), CC BY-SA 4.0",
        coding=(
            "two header rows: names, then the questions; NA = no answer",
            "term: why the survey tool sent somebody away",
            "items 1 to 7; p01, p02 and p07 to p10 are to be reversed",
        ),
    ),
    Dataset(
        name="nsw",
        title="National Supported Work demonstration",
        row="a man of a randomised training programme",
        file="nsw_mixtape.dta",
        address=_github(
            "scunning1975/mixtape", "94242c3d870f84148352afa0535f698d9bf9da22", "nsw_mixtape.dta"
        ),
        sha256="fc424cfc9d7861f4b95a6612f27c7e842671fea5a8612edcfe0273ee62e6f0a4",
        size=34_295,
        licence="public",
        citation=(
            "Dehejia, R. H., Wahba, S. (1999). Causal effects in nonexperimental studies: reevaluating the "
            "evaluation of training programs. Journal of the American Statistical Association 94, 1053–1062."
        ),
        source="National Supported Work demonstration, a randomised training (Dehejia & Wahba 1999), public",
        coding=("a Stata file; treat: 1 = drawn by lot into the training; re78: earnings of 1978, dollars",),
    ),
    Dataset(
        name="card_krueger",
        title="Card and Krueger's restaurants",
        row="a fast-food restaurant as interviewed before or after a law",
        file="njmin3.csv",
        address=_github(
            "pcrespobootcamp/Spring2022", "21d67f256c12ec4670c50988b4b088ed0f5a7464", "njmin3.csv"
        ),
        sha256="12ff012541c631378aec7a4b97652a8401b8e60bb9a586ad9a1167121db08c0f",
        size=26_750,
        licence="public",
        citation=(
            "Card, D., Krueger, A. B. (1994). Minimum wages and employment: a case study of the fast-food "
            "industry in New Jersey and Pennsylvania. American Economic Review 84, 772–793."
        ),
        source="Fast-food restaurants in New Jersey and Pennsylvania, 1992 (Card & Krueger 1994), public",
        coding=(
            "nj: 1 = New Jersey, where the law changed; d: 1 = interview after it",
            "fte: full-time staff, managers included, and half of the part-time staff; blank = not known",
        ),
    ),
)

#: All public data sets, by name.
DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}
