package servers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The client and the user of a Keycloak. The user is in group team-shop.
const (
	KeycloakClient   = "kubeops-dashboard"
	KeycloakSecret   = "keycloak-client-secret"
	KeycloakUser     = "ada"
	KeycloakPassword = "keycloak-test-password"
	// KeycloakOTPKey is the key of the one-time passwords (TOTP, SHA-1, 30 s, 6 digits) of the user: its bytes, not base32.
	KeycloakOTPKey = "keycloak-otp-key-of-ada"
)

// Keycloak starts a Keycloak 26.4 with a realm whose sign-in asks for a password (acr pwd) and, if a client asks for acr mfa, for a
// one-time password. It returns codes to one address only, and requires PKCE. It takes one to two minutes: share it, see Shared.
func Keycloak(t testing.TB, redirectURI, afterSignOut string) (issuer string) {
	t.Helper()
	folder := Folder(t, "keycloak")
	home := filepath.Join(scratch(t), "home") // it writes into its own folder when it starts
	if err := os.CopyFS(home, os.DirFS(filepath.Join(folder, "home"))); err != nil {
		t.Fatal(err)
	}
	realm, err := json.Marshal(keycloakRealm(redirectURI, afterSignOut))
	if err != nil {
		t.Fatal(err)
	}
	imports := filepath.Join(home, "data", "import")
	if err := os.MkdirAll(imports, 0o700); err != nil {
		t.Fatal(err)
	}
	writeText(t, filepath.Join(imports, "kubeops.json"), string(realm))
	port := FreePort(t)
	path, line := leashed("/bin/sh", filepath.Join(home, "bin", "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1",
		"--http-port="+strconv.Itoa(port), "--cache=local")
	issuer = fmt.Sprintf("http://127.0.0.1:%d/realms/kubeops", port)
	const start = 6 * time.Minute
	Start(t, Spec{
		Name: "keycloak", Path: path, Args: line, Dir: home, Deadline: start, Ready: Answers(issuer + "/.well-known/openid-configuration"),
		Env: []string{
			"JAVA_HOME=" + filepath.Join(folder, "java"), "JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1",
		},
	})
	return issuer
}

// keycloakRealm has one client, one user, and a flow with two levels.
func keycloakRealm(redirectURI, afterSignOut string) map[string]any {
	type object = map[string]any
	type list = []any
	execution := func(what, name, requirement, config string) object {
		one := object{"requirement": requirement, "userSetupAllowed": false, "authenticatorFlow": what == "flowAlias", what: name}
		if config != "" {
			one["authenticatorConfig"] = config
		}
		return one
	}
	flow := func(alias string, top bool, executions ...object) object {
		all := list{}
		for i, one := range executions {
			one["priority"] = 10 * (i + 1)
			all = append(all, one)
		}
		return object{
			"alias": alias, "providerId": "basic-flow", "topLevel": top, "builtIn": false, "authenticationExecutions": all,
		}
	}
	const step = "authenticator"
	const inner = "flowAlias"
	return object{
		"realm": "kubeops", "enabled": true, "sslRequired": "none", "browserFlow": "kubeops browser",
		"attributes": object{"acr.loa.map": `{"pwd":"1","mfa":"2"}`},
		"groups":     list{object{"name": "team-shop"}},
		"clients": list{object{
			"clientId": KeycloakClient, "secret": KeycloakSecret, "publicClient": false, "standardFlowEnabled": true,
			"redirectUris": list{redirectURI},
			"attributes":   object{"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": afterSignOut},
			"protocolMappers": list{
				object{
					"name": "groups", "protocol": "openid-connect", "protocolMapper": "oidc-group-membership-mapper",
					"config": object{"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
				},
				object{
					"name": "amr", "protocol": "openid-connect", "protocolMapper": "oidc-amr-mapper",
					"config": object{"id.token.claim": "true"},
				},
			},
		}},
		"users": list{object{
			"username": KeycloakUser, "enabled": true, "email": "ada@example.com", "emailVerified": true, "firstName": "Ada",
			"lastName": "Lovelace",
			"groups":   list{"team-shop"},
			"credentials": list{
				object{"type": "password", "value": KeycloakPassword},
				object{
					"type": "otp", "secretData": `{"value":"` + KeycloakOTPKey + `"}`,
					"credentialData": `{"subType":"totp","digits":6,"counter":0,"period":30,"algorithm":"HmacSHA1"}`,
				},
			},
		}},
		"authenticationFlows": list{
			flow("kubeops browser", true, execution(step, "auth-cookie", "ALTERNATIVE", ""),
				execution(inner, "kubeops forms", "ALTERNATIVE", "")),
			flow("kubeops forms", false, execution(inner, "level 1", "CONDITIONAL", ""), execution(inner, "level 2", "CONDITIONAL", "")),
			flow("level 1", false, execution(step, "conditional-level-of-authentication", "REQUIRED", "loa1"),
				execution(step, "auth-username-password-form", "REQUIRED", "pwd")),
			flow("level 2", false, execution(step, "conditional-level-of-authentication", "REQUIRED", "loa2"),
				execution(step, "auth-otp-form", "REQUIRED", "otp")),
		},
		"authenticatorConfig": list{
			object{"alias": "loa1", "config": object{"loa-condition-level": "1", "loa-max-age": "36000"}},
			object{"alias": "loa2", "config": object{"loa-condition-level": "2", "loa-max-age": "36000"}},
			object{"alias": "pwd", "config": object{"default.reference.value": "pwd", "default.reference.maxAge": "36000"}},
			object{"alias": "otp", "config": object{"default.reference.value": "otp", "default.reference.maxAge": "36000"}},
		},
	}
}
