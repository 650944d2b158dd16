package clusters

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
)

// jwt is a JSON Web Token with a payload.
func jwt(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(payload)) + "." + encode([]byte("signature"))
}

func TestTheValidityOfCredentialsIsReadFromThem(t *testing.T) {
	certificate, key := newCertificate(t, "admin")
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	for name, tc := range map[string]struct {
		access Access
		want   Validity
	}{
		"a certificate":          {Access{TLS: provider.TLS{Certificate: certificate, Key: key}}, Validity{at(1_700_000_000), at(1_800_000_000)}},
		"a token":                {Access{Token: jwt(`{"iat":1700000000,"exp":1700003600}`)}, Validity{at(1_700_000_000), at(1_700_003_600)}},
		"a token with fractions": {Access{Token: jwt(`{"iat":1.7e9,"exp":1700003600.5}`)}, Validity{at(1_700_000_000), at(1_700_003_600)}},
		"a token without end":    {Access{Token: jwt(`{"iat":1700000000}`)}, Validity{From: at(1_700_000_000)}},
		"an opaque token":        {Access{Token: "abcdef.0123456789abcdef"}, Validity{}},
		"three parts":            {Access{Token: "a.b.c"}, Validity{}},
		"text as time":           {Access{Token: jwt(`{"exp":"tomorrow"}`)}, Validity{}},
		"a time out of range":    {Access{Token: jwt(`{"iat":-5,"exp":1e300}`)}, Validity{}},
	} {
		got := tc.access.Validity()
		if !got.From.Equal(tc.want.From) || !got.Until.Equal(tc.want.Until) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestTheWarningBeginsWhenAFifthOfTheLifeIsLeft(t *testing.T) {
	const day = 24 * time.Hour
	from := time.Unix(1_700_000_000, 0)
	for _, tc := range []struct {
		life, left time.Duration
		known      bool
		want       bool
	}{
		{365 * day, 31 * day, true, false}, {365 * day, 30 * day, true, true}, // at most 30 days
		{100 * day, 21 * day, true, false}, {100 * day, 20 * day, true, true}, // a fifth
		{3 * day, 25 * time.Hour, true, false}, {3 * day, 24 * time.Hour, true, true}, // at least a day
		{day, 13 * time.Hour, true, false}, {day, 12 * time.Hour, true, true}, // never more than half of the life
		{time.Hour, time.Minute, true, false}, {time.Hour, 0, true, true}, // renewed by someone
		{365 * day, 25 * time.Hour, false, false}, {365 * day, day, false, true},
		{365 * day, -day, true, true},
	} {
		t.Run(fmt.Sprintf("%s of %s", tc.left, tc.life), func(t *testing.T) {
			v := Validity{From: from, Until: from.Add(tc.life)}
			if !tc.known {
				v.From = time.Time{}
			}
			if got := v.Expiring(v.Until.Add(-tc.left)); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
	if (Validity{}).Expiring(from) {
		t.Error("credentials without an end expire")
	}
}
