package acquirer

// countries maps ISO 3166-1 alpha-2 to numeric, for DE19: where the API's merchants are, and where the
// companies behind them often are.
var countries = map[string]string{
	"AE": "784", "AT": "040", "AU": "036", "BD": "050", "BE": "056", "BN": "096", "BR": "076", "CA": "124",
	"CH": "756", "CN": "156", "CZ": "203", "DE": "276", "DK": "208", "ES": "724", "FI": "246", "FR": "250",
	"GB": "826", "HK": "344", "ID": "360", "IE": "372", "IN": "356", "IT": "380", "JP": "392", "KH": "116",
	"KR": "410", "LA": "418", "LK": "144", "LU": "442", "MM": "104", "MO": "446", "MX": "484", "MY": "458",
	"NL": "528", "NO": "578", "NZ": "554", "PH": "608", "PK": "586", "PL": "616", "PT": "620", "SA": "682",
	"SE": "752", "SG": "702", "TH": "764", "TW": "158", "US": "840", "VN": "704", "ZA": "710",
}
