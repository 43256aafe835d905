"""Names that other companies give to the contract's tables and columns, in four languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from functools import lru_cache

from cemlab.data.contract import Column, Table

# Written as fold() leaves them: small letters and digits only, no accents.
_COLUMNS: Mapping[str, str] = {
    "customer":
        "customerid customernumber customerno customernr custid custno cust customerkey customercode "
        "client clientid clientno clientnumber clientcode buyer buyerid shopper shopperid user userid "
        "member memberid account accountid accountno accountnumber subscriber subscriberid householdid "
        "household kunde kunden kundeid kundenid kundennummer kundennr kdnr knr kundenkennung debitor "
        "debitornr debitorennummer debitorennr mitgliedsnummer idclient numeroclient noclient nclient "
        "numclient codeclient cliente idcliente clienteid numerocliente codigocliente codcliente",
    "date":
        "datum day tag fecha dia jour orderdate orderedat invoicedate invoicedt purchasedate purchasedat "
        "saledate salesdate transactiondate transdate txndate bookingdate postingdate receiptdate "
        "dateofpurchase orderdatum bestelldatum kaufdatum kauftag rechnungsdatum rechdatum belegdatum "
        "buchungsdatum buchungstag verkaufsdatum dateachat datedachat datefacture datecommande datevente "
        "datetransaction fechacompra fechafactura fechapedido fechaventa fechatransaccion surveydate "
        "interviewdate intdate responsedate befragungsdatum dateenquete",
    "revenue":
        "sales turnover amount netamount totalamount total linetotal linevalue salesamount value spend "
        "revenueeur revenuenet netrevenue netsales umsatz umsatznetto nettoumsatz umsatzeur betrag "
        "nettobetrag erloes erlos wert chiffredaffaires chiffreaffaires ca camontant montant montantht "
        "montantnet venta ventas importe importeneto ingresos monto",
    "margin":
        "contributionmargin grossmargin profit deckungsbeitrag db rohertrag marge margebrute margen "
        "margenbruto",
    "units":
        "quantity qty pieces unitssold items count menge anzahl stuck stueck stuckzahl stueckzahl quantite "
        "qte nombre cantidad cant unidades",
    "order":
        "orderid orderno ordernumber invoice invoiceid invoiceno invoicenumber receipt receiptid receiptno "
        "transactionid basketid bestellung bestellnummer bestellnr auftrag auftragsnummer auftragsnr "
        "rechnung rechnungsnummer rechnungsnr belegnummer belegnr bonnummer commande numerocommande "
        "nocommande facture numerofacture nofacture pedido numeropedido idpedido factura numerofactura "
        "nofactura",
    "category":
        "productcategory cat productgroup group warengruppe artikelgruppe kategorie produktgruppe "
        "categorie rayon famille categoria familia",
    "channel": "saleschannel kanal vertriebskanal canal method",
    "entry":
        "start startdate begin begindate startofcontract contractstart validfrom activationdate signupdate "
        "eintritt eintrittsdatum beginn vertragsbeginn startdatum gueltigab gultigab debut datedebut "
        "datedentree dateentree debutcontrat inicio fechainicio fechaalta alta",
    "exit":
        "end enddate stop stopdate endofcontract contractend validto churndate canceldate cancellationdate "
        "terminationdate leftdate austritt austrittsdatum ende vertragsende enddatum gueltigbis gultigbis "
        "kundigungsdatum kuendigungsdatum kundigung fin datefin datedesortie datesortie fincontrat "
        "resiliation dateresiliation fechafin fechabaja baja",
    "duration":
        "tenure months tenuremonths length lifetime dauer laufzeit vertragsdauer duree anciennete duracion "
        "antiguedad",
    "cause":
        "churn churned churnreason reason cancellationreason cancelreason exitreason leavingreason grund "
        "kundigungsgrund kuendigungsgrund austrittsgrund motif motifresiliation motifdepart cause motivo "
        "motivobaja causa",
    "plan":
        "contract product tariff subscription tarif vertrag vertragsart abo abonnement contrat formule "
        "offre contrato tarifa plandecontrato",
    "nps":
        "npsscore netpromoter netpromoterscore netpro recommend recommendation likelihoodtorecommend ltr "
        "weiterempfehlung weiterempfehlungsbereitschaft empfehlung recommandation recomendacion",
    "csat":
        "satisfaction overallsatisfaction customersatisfaction zufriedenheit kundenzufriedenheit "
        "gesamtzufriedenheit satisfactionclient satisfaccion",
    "ces": "customereffort effort effortscore aufwand effortclient esfuerzo",
    "responded":
        "response answered completed finished returned geantwortet beantwortet teilgenommen repondu "
        "reponse respondio respondido",
    "weight": "surveyweight gewicht gewichtung poids ponderation peso ponderacion",
    "joined":
        "joindate membersince customersince registered registrationdate createdat kundeseit erstellt "
        "clientdepuis inscription dateinscription clientedesde fecharegistro",
    "region": "area territory state province gebiet bundesland departement territoire provincia comunidad",
    "type": "segment customertype kind kundentyp kundenart typ typeclient tipo tipocliente",
    "consent":
        "optin newsletter marketingconsent permission einwilligung werbeeinwilligung "
        "consentement consentimiento",
    "branch":
        "branchid store storeid shop outlet site filiale filialnummer filialnr standort agence magasin "
        "sucursal tienda",
    "contact":
        "contactid ticket ticketid caseid callid interactionid kontakt kontaktid vorgang vorgangsnummer "
        "vorgangsnr fall appel dossier contacto caso",
    "employee":
        "employeeid agent agentid staffid personnelnumber mitarbeiter mitarbeiterid mitarbeiternummer "
        "personalnummer personalnr employe matricule empleado idempleado",
    "time":
        "timestamp starttime createdat datetime zeit zeitpunkt zeitstempel heure horodatage hora fechahora",
    "touchpoint":
        "touchpointname item station kontaktpunkt beruhrungspunkt pointdecontact puntodecontacto",
    "experienced": "rating score bewertung note erlebt vecu experiencia valoracion",
    "expected": "expectation erwartung erwartet attente attendu expectativa esperado",
    "brand": "brandname marke marque marca",
    "month": "monat mois mes period periode yearmonth",
    "hired": "hiredate hiringdate einstellung eintritt eintrittsdatum embauche dateembauche contratacion",
    "product":
        "productid sku stockcode articleid itemid artikel artikelnummer artikelnr produit article producto "
        "articulo",
    "respondent": "respondentid responseid respnum participant befragter teilnehmer repondant encuestado",
    "treated": "treatment testgroup sent group behandelt traite tratado",
    "score": "engagement engagementscore punkte wert note puntuacion",
    "item": "name position posten bezeichnung poste concepto",
}  # fmt: skip
# Numbers that survey tools give to the answers; now and then they are the customers' numbers too.
_ANSWERS = frozenset(
    (
        "respnum",
        "responseid",
        "responsenumber",
        "respondentid",
        "recordid",
        "antwortid",
        "antwortnr",
        "idreponse",
        "idrespuesta",
    )
)
# Short names that stand as a word within longer ones; longer words would find too much.
_TOKENS = ("nps", "csat", "ces")
_LABEL = re.compile(
    r"\s*(?:q|f|v|frage|question|item|pregunta)[ _.-]?[0-9]+[a-z]?[ _.:)-]+(?=.)", re.IGNORECASE
)
_TABLES: Mapping[str, str] = {
    "customers": (
        "customer client clients crm members kunden kunde kundenstamm stammdaten clientele clientes"
    ),
    "subscriptions": (
        "subscription contracts contract churn tenure vertrage vertraege vertrag abos abonnements "
        "contrats contratos suscripciones"
    ),
    "transactions": (
        "transaction sales orders invoices purchases revenue retail receipts umsatz umsatze umsaetze "
        "verkaufe verkaeufe bestellungen rechnungen belege ventes commandes factures achats ventas "
        "pedidos facturas compras"
    ),
    "surveys": (
        "survey questionnaire nps csat feedback umfrage umfragen befragung befragungen enquete "
        "enquetes sondage encuesta encuestas"
    ),
    "contacts": "calls tickets cases interactions kontakte anrufe vorgange appels casos llamadas",
    "employees": "employee staff personnel mitarbeiter personal employes empleados",
    "branches": "branch stores shops outlets filialen standorte agences magasins sucursales tiendas",
    "campaigns": "campaign mailings kampagnen kampagne aktionen campagnes campanas",
    "catalogue": "catalog products articles katalog artikel produkte produits catalogo productos",
    "training": "trainings schulung schulungen formation formations formacion",
    "touchpoint_ratings": "touchpoints ratings bewertungen kontaktpunkte evaluations valoraciones",
}


def fold(name: str) -> str:
    """Return a name without capitals, accents, spaces and signs, so that spellings of it agree.

    Examples
    --------
    >>> fold(" Kunden-Nr. "), fold("Numéro client")
    ('kundennr', 'numeroclient')
    """
    plain = unicodedata.normalize("NFKD", name).casefold()
    return re.sub(r"[\W_]", "", "".join(char for char in plain if not unicodedata.combining(char)))


def likeness(name: str, column: Column) -> tuple[int, str]:
    """Return how surely a column of a file is one of the contract, by its name.

    Returns
    -------
    tuple
        3 for the same name but for capitals, spaces and signs; 2 for a name that is often used for it,
        also behind the number of a question;
        1 for one spelt much like these; 0 for none of these. And the reason in words.

    Examples
    --------
    >>> from cemlab.data.contract import table
    >>> likeness("Kunden-Nr.", table("transactions").columns[0])
    (2, "a usual name of 'customer'")
    """
    strength, why = _likeness(fold(name), column.name)
    if strength >= 2 or column.scale is None:
        return strength, why
    # questions are often numbered: Q1_NPS
    label = _LABEL.match(name)
    if label and _likeness(fold(name[label.end() :]), column.name)[0] >= 2:
        return 2, f"a usual name of {column.name!r} behind the number of a question"
    words = re.split(r"[\W_\d]+", unicodedata.normalize("NFC", name).casefold())
    if column.name in _TOKENS and column.name in words:
        return 1, f"it has the word {column.name!r} in it"
    return strength, why


def numbers_answers(name: str) -> bool:
    """Return whether a name is one that survey tools give to the number of an answer."""
    return fold(name) in _ANSWERS


@lru_cache(maxsize=2**14)
def _likeness(given: str, column: str) -> tuple[int, str]:
    own, usual = fold(column), _COLUMNS.get(column, "").split()
    if not given:
        return 0, ""
    if given == own:
        return 3, "the same name but for capitals, spaces and signs"
    if given in usual:
        return 2, f"a usual name of {column!r}"
    if given in _ANSWERS:  # it is like "response", but says something else
        why = "a usual name for the number of an answer, which may be the customer's or not"
        return (1, why) if column == "customer" else (0, "")
    # short names are alike by chance; a slip of the pen changes one letter in six or fewer
    close = [other for other in (own, *usual) if min(len(given), len(other)) >= 6 and _alike(given, other)]
    return (1, f"spelt much like {close[0]!r}") if close else (0, "")


def nearest(column: Column, names: Iterable[str]) -> tuple[str, str] | None:
    """Return the name that is most likely this column, with the reason; None where no name is like it."""
    found = [(likeness(name, column), name) for name in names]
    (strength, why), name = max(found, key=lambda entry: entry[0][0], default=((0, ""), ""))
    return (name, why) if strength else None


def table_words(table: Table) -> frozenset[str]:
    """Return the words by which a file's name may say that it holds this table."""
    return frozenset((fold(table.name), *_TABLES.get(table.name, "").split()))


def _alike(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 3:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= 0.85 and matcher.ratio() >= 0.85
