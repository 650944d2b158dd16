package nats

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// chain of trust: an operator, an account with JetStream and one for the server itself, and a user of the first; as the .creds file
// of that user and the configuration of a server.
func chain(t *testing.T) (creds, config string) {
	t.Helper()
	made := func(pair nkeys.KeyPair, err error) (nkeys.KeyPair, string) {
		if err != nil {
			t.Fatal(err)
		}
		public, err := pair.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return pair, public
	}
	operator, operatorID := made(nkeys.CreateOperator())
	account, accountID := made(nkeys.CreateAccount())
	_, systemID := made(nkeys.CreateAccount())
	user, userID := made(nkeys.CreateUser())
	limits := map[string]any{
		"conn": -1, "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "leaf": -1, "mem_storage": -1,
		"disk_storage": -1, "streams": -1, "consumer": -1,
	}
	operatorJWT := signed(t, operator, operatorID, operatorID, map[string]any{"type": "operator", "version": 2, "system_account": systemID})
	accountJWT := signed(t, operator, operatorID, accountID, map[string]any{"type": "account", "version": 2, "limits": limits})
	bare := map[string]any{"conn": -1, "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "leaf": -1}
	systemJWT := signed(t, operator, operatorID, systemID, map[string]any{"type": "account", "version": 2, "limits": bare})
	userJWT := signed(t, account, accountID, userID, map[string]any{"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1})
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds = fmt.Sprintf(
		"-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"+
			"-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
		userJWT, seed,
	)
	config = fmt.Sprintf(
		"operator: %s\nresolver: MEMORY\nresolver_preload: {%s: %s, %s: %s}\nsystem_account: %s\n", operatorJWT, accountID, accountJWT,
		systemID, systemJWT, systemID,
	)
	return creds, config
}

// signed JWT in the form of NATS.
func signed(t *testing.T, by nkeys.KeyPair, issuer, about string, claims map[string]any) string {
	t.Helper()
	part := func(value any) string {
		content, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(content)
	}
	text := part(map[string]any{"typ": "JWT", "alg": "ed25519-nkey"}) + "." +
		part(map[string]any{"jti": about, "iat": time.Now().Unix(), "iss": issuer, "sub": about, "name": "tests", "nats": claims})
	signature, err := by.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}
