// Package redisurl checks the URL of a Redis without the client, which lets a configuration be validated without it.
package redisurl

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// EnvPassword is the environment variable with the password, if no file is given.
const EnvPassword = "KUBEOPS_CACHE_REDIS_PASSWORD" //nolint:gosec // the name of a variable

// Parse redis://[USER@]HOST[:PORT][/DB], or rediss:// for TLS, and the number of the database. Errors do not quote the URL, which may
// contain a password.
func Parse(text string) (*url.URL, int, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil || (base.Scheme != "redis" && base.Scheme != "rediss") || base.Hostname() == "":
		return nil, 0, errors.New("the URL of the cache must begin with redis:// or rediss:// and name a host")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, 0, errors.New("the URL of the cache must not have a query or fragment")
	}
	if _, has := base.User.Password(); has {
		return nil, 0, errors.New("the URL of the cache must not contain a password; use a password file, or " + EnvPassword)
	}
	database := 0
	if path := strings.Trim(base.Path, "/"); path != "" {
		if database, err = strconv.Atoi(path); err != nil || database < 0 {
			return nil, 0, errors.New("the path of the cache's URL must be the number of a database")
		}
	}
	return base, database, nil
}
