"""Names and texts the generators draw from, and the dirt that real accounts contain."""

FIRST_NAMES = (
    "Anna", "James", "María José", "Wei", "Olumide", "Zoë", "François", "Aisha", "Björn", "Yuki", "Siobhán",
    "D'Arcy", "Łukasz", "Nguyễn", "محمد", "שרה", "Priya", "John", "Emily", "Giulia", "Tom", "Ana", "李",
    "Olga",
)  # fmt: skip
LAST_NAMES = (
    "Smith", "O'Brien", "Müller", "García", "van der Berg", "Nakamura", "Okafor", "Ивано́ва", "Jensen",
    "Rossi", "Dvořák", "Kowalski", "العلي", "כהן", "Silva", "Nguyen", "王", "Brown", "Taylor", "Lefèvre",
    "Söderström",
)  # fmt: skip
COMPANY_STEMS = (
    "Northwind", "Blue Harbour", "Acme", "Kestrel", "Grünwald", "São Bento", "Pioneer", "Lakeside", "Vertex",
    "Old Mill", "Ocean & Sons", "Tānga", "Ñandú", "Red Brick", "Summit", "Crown", "Orchard", "Delta",
)  # fmt: skip
COMPANY_KINDS = (
    "Ltd",
    "Inc.",
    "GmbH",
    "S.A.",
    "Trading Co",
    "& Partners",
    "Holdings plc",
    "株式会社",
    "LLC",
    "B.V.",
)
CITIES = ("Austin", "Leeds", "Lyon", "Graz", "Osaka", "Porto", "Durban", "Perth", "Toronto", "Kraków")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Mx.")
TITLES = ("Buyer", "Head of Purchasing", "CFO", "Owner", "Site Manager", "Facilities Lead")
ITEM_NOUNS = (
    "Bracket",
    "Pump",
    "Valve",
    "Cable",
    "Filter",
    "Lamp",
    "Panel",
    "Sensor",
    "Hinge",
    "Motor",
    "Gasket",
)
ITEM_ADJECTIVES = (
    "Steel",
    "Compact",
    "Outdoor",
    "Heavy",
    "Left-hand",
    '1/2"',
    "Ø 40 mm",
    "Blue",
    "Spare",
    "Pro",
)

# Texts people paste into NetSuite: emoji, right-to-left, HTML, quotes, backslashes, four-byte letters,
# blanks.
DIRTY_TEXTS = (
    "Please ring first 📞🙂",
    "شحن سريع من فضلك",
    "לא לפני השעה תשע",
    "<p>Deliver to <b>rear</b> gate &amp; sign</p>",
    'They said "no later than Friday", it\'s urgent',
    "Share: \\\\fileserver\\orders\\2024\\",
    "  leading and trailing blanks  ",
    "Line one\r\nLine two\r\n\tindented",
    "𠜎𠮷野家 branch, 3rd floor 👨‍👩‍👧‍👦",
    "50% off; DROP TABLE customers; -- not really",
    "null",
    "N/A",
    "e\u0301 decomposed, \u00e9 composed, zero\u200bwidth",
)
PLAIN_TEXTS = (
    "Repeat order",
    "See contract 2023-118",
    "Call before delivery",
    "Net 30 agreed",
    "Spare parts",
)

JOB_TITLES = ("Account Manager", "Sales Rep", "Warehouse Lead", "Controller", "Project Manager", "Buyer", "CEO")
PROJECT_NOUNS = ("Fit-out", "Migration", "Roof & Façade", "Phase 2 <draft>", "Retrofit", "Rollout", "Audit")
