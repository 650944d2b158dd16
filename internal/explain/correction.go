package explain

// correctable reports whether a model may do better if it knows why its answer was dropped.
func correctable(dropped string) bool { return correction(dropped) != "" }

// correction says to a model why its answer was dropped. It is empty if that is of no use.
func correction(dropped string) string {
	why := map[string]string{
		DroppedEmpty:           "it was empty or made no statement",
		DroppedInvalidJSON:     "it was not one JSON object and nothing else",
		DroppedWrongShape:      "it did not match the schema",
		DroppedNoEvidence:      `no claim in "why" cited evidence`,
		DroppedUnknownEvidence: "it cited ids that do not exist",
		DroppedWrongLanguage:   "it was in another language than required",
		DroppedLeak:            "it repeated the instructions",
	}[dropped]
	if why == "" {
		return ""
	}
	return "An earlier answer to this was discarded: " + why + ". Answer again."
}
