package redact

import (
	"regexp"
	"strings"
)

// markedRule recognizes keys of Azure, which have a mark of the service before their checksum, and refresh tokens of Microsoft.
func markedRule() rule {
	return rule{
		id: RuleKeyForm,
		hints: []string{
			"+acr", "azse", "+ast", "+aba", "+amc", "acdb", "+asb", "+aeh", "+arm", "aiot", "azfu", "jqqj99", ".agabaaaa", ".agebaaaa",
		},
		pattern: regexp.MustCompile(`(?:^|[^\w+/=])([A-Za-z0-9+/]{42}(?:\+ACR|AzSe)[A-Za-z0-9+/]{6}\b|` +
			`[A-Za-z0-9+/]{76}(?:\+ASt|\+ABa|\+AMC|ACDb)[A-Za-z0-9+/]{5}[AQgw]==|` +
			`[A-Za-z0-9+/]{33}(?:\+ASb|\+AEh|\+ARm|AIoT)[A-Za-z0-9+/]{6}=|[\w-]{44}AzFu[\w-]{5}[AQgw]==|` +
			`[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{24,28}\b|[01]\.A[\w-]{20,80}\.Ag[AE]BAAAA[\w.-]{50,})`),
	}
}

// gatewayRule recognizes keys of API Management of Azure. Their mark is no hint: logs of Kubernetes have "apimachinery" in many lines.
func gatewayRule() rule {
	return rule{
		id: RuleKeyForm, hints: []string{"a==", "q==", "g==", "w=="},
		pattern: regexp.MustCompile(`(?:^|[^\w+/=])([A-Za-z0-9+/]{76}APIM[A-Za-z0-9+/]{5}[AQgw]==)`),
	}
}

const (
	// minPart is the length of a part of a token of several parts that must look generated, and minPartLong that of one other.
	minPart     = 16
	minPartLong = 24
	// maxComposed is the length of a token of several parts.
	maxComposed = 2048
)

// partsEnd is the end of the parts that dots join, of which the first one is between two positions; its end if there are no others.
func (f *finder) partsEnd(from, to int) int {
	end := to
	for high := min(len(f.text), from+maxComposed); end < high && (f.text[end] == '.' || isTokenByte(f.text[end])); end++ {
		f.work++
	}
	return to + len(strings.TrimRight(f.text[to:end], "."))
}

// composed adds a token of several parts that dots join, such as those of bots, and returns its end, or the end of its first part if the
// parts are names: one is generated and long, another one is scrambled, and none is a word.
func (f *finder) composed(from, to int) int {
	if !f.isSeparate(from) {
		return to // not the first part
	}
	end := f.partsEnd(from, to)
	text := f.text[from:end]
	if end == to || len(text) < minPart+minPartLong || f.isContinued(end) || f.isPublic(from) || f.isEncrypted(from) {
		return to
	}
	long, scrambled := 0, 0
	for part := range strings.SplitSeq(text, ".") {
		switch {
		case len(part) >= minPartLong && len(part) <= 2*maxBare && isGenerated(part) && !likeWords(part):
			long++
		case len(part) >= minPart && isScrambled(part):
			scrambled++
		case part != "" && classesOf(part).digits == 0 && !unlikeWords(part):
			return to
		}
	}
	if long == 0 || long+scrambled < 2 {
		return to
	}
	f.spans = append(f.spans, span{from, end, RuleRandom, ""})
	return end
}

// isSeparate reports whether what is before a value begins no path, address or longer name.
func (f *finder) isSeparate(from int) bool {
	return from == 0 || strings.IndexByte(" \t\n\"'`=,;([{<>|", f.text[from-1]) >= 0
}

// isContinued reports whether what is after a value makes it a part of a path, an address or a call.
func (f *finder) isContinued(to int) bool {
	return to < len(f.text) && strings.IndexByte("@(=/:", f.text[to]) >= 0
}
