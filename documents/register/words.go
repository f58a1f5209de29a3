package register

// The words of the office's CSV files. Files may also hold the identifiers on
// the left; what we write are the Czech words.
var words = map[string]map[string]string{
	"state":    {"paper": "papír", "hybrid": "hybridně", "electronic": "elektronicky", "none": "není", "": ""},
	"kind":     {"delegated": "přenesená působnost", "own": "samostatná působnost", "internal": "vnitřní"},
	"channel":  {"email": "e-mail", "records": "vnitřní spisová agenda", "shared": "sdílený prostor", "system": "tento systém", "databox": "datová schránka", "portal": "portál", "other": "další"},
	"level":    {"none": "bez podpisu", "internal": "interní schválení", "advanced": "zaručený", "recognised": "uznávaný", "qualified": "kvalifikovaný", "sealed": "kvalifikovaný s pečetí a razítkem", "wet": "vlastnoruční ze zákona"},
	"barrier":  {"legal_excluded": "vylučuje zákon", "infeasible": "nelze z povahy věci", "uneconomic": "nehospodárné", "technical": "technická", "organisational": "organizační", "human": "lidská", "supplier": "dodavatel"},
	"side":     {"office": "úřad", "citizen": "občan"},
	"status":   {"open": "otevřená", "in_progress": "řeší se", "resolved": "vyřešená", "accepted": "přijatá"},
	"decision": {"open": "nerozhodnuto", "chosen": "vybráno", "rejected": "zamítnuto"},
	"event":    {"": "", "material": "materiál", "comment": "připomínka", "version": "verze", "approval": "schválení", "signature": "podpis", "print": "tisk"},
	"phase": {"receive": "příjem", "register": "evidence", "assign": "přidělení", "draft": "tvorba", "comment": "připomínkování", "approve": "schválení", "sign": "podpis",
		"dispatch": "vypravení", "deliver": "doručení", "store": "uložení", "dispose": "vyřazení", "": ""},
	"yes":       {"yes": "ano", "": "ne"},
	"milestone": {"planned": "plánováno", "running": "běží", "done": "hotovo"},
}
