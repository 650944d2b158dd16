package backends

// Redact removes credentials from a text of the server and cuts it to a number of runes.
func (m *Metrics) Redact(text string, maxRunes int) string { return m.Clean(text, maxRunes) }

// Redact removes credentials from a text of the server and cuts it to a number of runes.
func (l *Logs) Redact(text string, maxRunes int) string { return l.Clean(text, maxRunes) }

// Redact removes credentials from a text of the server and cuts it to a number of runes.
func (m *Model) Redact(text string, maxRunes int) string { return m.Clean(text, maxRunes) }

// Redact removes credentials from a text of the server and cuts it to a number of runes.
func (c *Channel) Redact(text string, maxRunes int) string { return c.Clean(text, maxRunes) }
