package openid

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	claimEmail = "email"
	// maxGroups of one user, and maxName of a group or user in bytes.
	maxGroups = 2000
	maxName   = 1024
)

// Identity is who signed in.
type Identity struct {
	// User and Groups with their prefixes, as the API server names them.
	User   string
	Groups []string
	// ACR is the authentication context, and AMR are the methods. Empty if the provider does not send them.
	ACR string
	AMR []string
}

// texts is one text or a list of texts: providers send both.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(content []byte) error {
	var one string
	if json.Unmarshal(content, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(content, (*[]string)(t))
}

// claims that are read of a verified token. Others are of no use.
type claims struct {
	ACR           string                     `json:"acr"`
	AMR           texts                      `json:"amr"`
	AuthorizedFor string                     `json:"azp"`
	Verified      json.RawMessage            `json:"email_verified"`
	Elsewhere     map[string]json.RawMessage `json:"_claim_names"`
}

// identity of a verified token.
func (c *Client) identity(token *oidc.IDToken) (Identity, error) {
	var known claims
	var all map[string]json.RawMessage
	if err := token.Claims(&known); err != nil {
		return Identity{}, failure(CodeToken, "the claims of the token cannot be read: %w", err)
	}
	if err := token.Claims(&all); err != nil {
		return Identity{}, failure(CodeToken, "the claims of the token cannot be read: %w", err)
	}
	// OpenID Connect Core 3.1.3.7: a token for several audiences names the one that it was issued to.
	if known.AuthorizedFor != "" && known.AuthorizedFor != c.config.ClientID || known.AuthorizedFor == "" && len(token.Audience) > 1 {
		return Identity{}, failure(CodeToken, "the token was issued to another client")
	}
	if err := c.checkMethods(known); err != nil {
		return Identity{}, err
	}
	user, err := c.user(all, known)
	if err != nil {
		return Identity{}, err
	}
	groups, err := c.groups(all, known)
	return Identity{User: user, Groups: groups, ACR: known.ACR, AMR: known.AMR}, err
}

func (c *Client) user(all map[string]json.RawMessage, known claims) (string, error) {
	name := c.config.UsernameClaim
	var user string
	if err := json.Unmarshal(all[name], &user); err != nil || user == "" || len(user) > maxName {
		return "", failure(CodeUser, "claim %s is no user name", name)
	}
	if name == claimEmail && !isVerified(known.Verified) {
		return "", failure(CodeUser, "the e-mail address is not verified: claim email_verified is there, and is not true")
	}
	return c.config.UsernamePrefix + user, nil
}

// isVerified reports whether claim email_verified does not say otherwise. Some providers send it as a text.
func isVerified(claim json.RawMessage) bool {
	text := string(claim)
	return text == "" || text == "true" || text == `"true"`
}

// groups of a token. Without the claim a user has none, as for the API server.
func (c *Client) groups(all map[string]json.RawMessage, known claims) ([]string, error) {
	name := c.config.GroupsClaim
	if name == "" {
		return nil, nil
	}
	if _, elsewhere := known.Elsewhere[name]; elsewhere {
		return nil, failure(CodeGroups, "the provider left claim %s out, since the user has too many groups", name)
	}
	raw, ok := all[name]
	if !ok {
		return nil, nil
	}
	var found texts
	if err := json.Unmarshal(raw, &found); err != nil {
		return nil, failure(CodeGroups, "claim %s is neither a text nor a list of texts", name)
	}
	if len(found) > maxGroups || slices.ContainsFunc(found, func(group string) bool { return group == "" || len(group) > maxName }) {
		return nil, failure(CodeGroups, "claim %s has over %d groups, or one without a name or of over %d bytes", name, maxGroups, maxName)
	}
	for i, group := range found {
		found[i] = c.config.GroupsPrefix + group
	}
	return found, nil
}

// checkMethods requires what the configuration does: a second factor, for example.
func (c *Client) checkMethods(known claims) error {
	if required := c.config.RequiredACR; len(required) > 0 && !slices.Contains(required, known.ACR) {
		return failure(CodeFactor, "claim acr is %q, want one of %q", known.ACR, required)
	}
	one := func(method string) bool { return slices.Contains(known.AMR, method) }
	if required := c.config.RequiredAMR; len(required) > 0 && !slices.ContainsFunc(required, one) {
		return failure(CodeFactor, "claim amr is %q, want one of %q", []string(known.AMR), required)
	}
	return nil
}

// Accepts reports whether the configuration still allows a sign-in of earlier.
func (c *Client) Accepts(issuer, acr string, amr []string) bool {
	return issuer == c.config.IssuerURL && c.checkMethods(claims{ACR: acr, AMR: amr}) == nil
}

// Code says why a sign-in failed. Pages have a text for each.
type Code string

// Codes of failures.
const (
	// CodeDenied: the provider returned an error, or the user cancelled.
	CodeDenied Code = "denied"
	// CodeEnded: the provider has no session for a silent renewal.
	CodeEnded Code = "ended"
	// CodeState: the answer of the provider belongs to no sign-in of this browser, or to one of over ten minutes ago.
	CodeState Code = "state"
	// CodeToken: the ID token is not valid.
	CodeToken Code = "token"
	// CodeUser: there is no usable user name.
	CodeUser Code = "user"
	// CodeGroups: the groups cannot be used.
	CodeGroups Code = "groups"
	// CodeFactor: the required second factor is missing.
	CodeFactor Code = "factor"
	// CodeUnavailable: the provider does not answer as it should.
	CodeUnavailable Code = "unavailable"
)

// Error of a sign-in. Its text is for the log of the dashboard, and contains no token.
type Error struct {
	Code Code
	err  error
}

// Error implements error.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

func failure(code Code, format string, args ...any) *Error {
	return &Error{code, fmt.Errorf(format, args...)}
}
