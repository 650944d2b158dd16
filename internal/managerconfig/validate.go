package managerconfig

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/explain/rediscache/redisurl"
	"kubeops.io/kubeops/internal/logroute/images"
)

// validate the values. A field that could not be decoded has an error already.
func (e *Effective) validate(decoding Errors) Errors {
	var result Errors
	for _, invalid := range validateConfig(&e.Config) {
		failed := slices.ContainsFunc(decoding, func(one Error) bool { return one.Path == invalid.Field })
		if !failed {
			result = append(result, Error{Origin: e.originOf(invalid.Field), Path: invalid.Field, Message: lowerFirst(invalid.ErrorBody())})
		}
	}
	return result
}

// originOf a field, or of another field in its section where it is not set itself: something must be set there to be an error.
func (e *Effective) originOf(path string) Origin {
	if origin, exists := e.Origins[path]; exists {
		return origin
	}
	section := path[:strings.LastIndex(path, ".")+1]
	for _, candidate := range slices.Sorted(maps.Keys(e.Origins)) {
		if strings.HasPrefix(candidate, section) {
			return e.Origins[candidate]
		}
	}
	return Origin{}
}

func validateConfig(config *v1alpha1.ManagerConfig) field.ErrorList {
	var all field.ErrorList
	all = append(all, validateNamespaces(config.Namespaces, field.NewPath("namespaces"))...)
	all = append(all, validateDashboardURL(config.DashboardURL, field.NewPath("dashboardURL"))...)
	all = append(all, validateLogging(&config.Logging, field.NewPath("logging"))...)
	all = append(all, validateEndpoints(config)...)
	all = append(all, validateLeaderElection(&config.LeaderElection, field.NewPath("leaderElection"))...)
	all = append(all, validateInspections(&config.Inspections, field.NewPath("inspections"))...)
	all = append(all, validateEgress(&config.Backends.Egress, field.NewPath("backends", "egress"))...)
	all = append(all, validateLimits(&config.Limits, field.NewPath("limits"))...)
	all = append(all, validateQuotas(&config.Quotas, field.NewPath("quotas"))...)
	all = append(all, validateBackends(&config.Backends, field.NewPath("backends"))...)
	all = append(all, validateLogCollection(&config.LogCollection, field.NewPath("logCollection"))...)
	all = append(all, validateRedis(&config.AnswerCache.Redis, field.NewPath("answerCache", "redis"))...)
	all = append(all, validateProfiling(config.Profiling.BindAddress, field.NewPath("profiling", "bindAddress"))...)
	all = append(all, validateTracing(&config.Tracing, field.NewPath("tracing"))...)
	all = append(all, validateWorkQueue(&config.WorkQueue, field.NewPath("workQueue"))...)
	return all
}

// validateDashboardURL requires an address that everyone may read: it is sent to channels.
func validateDashboardURL(address string, path *field.Path) field.ErrorList {
	if address == "" {
		return nil
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.Fragment != "" {
		return field.ErrorList{field.Invalid(path, field.OmitValueType{}, "must be an address such as https://kubeops.example.com, "+
			"without a user, a query or a fragment")}
	}
	return nil
}

func validateLogging(logging *v1alpha1.Logging, path *field.Path) field.ErrorList {
	levels := []v1alpha1.LogLevel{v1alpha1.LogLevelDebug, v1alpha1.LogLevelInfo, v1alpha1.LogLevelWarn, v1alpha1.LogLevelError}
	formats := []v1alpha1.LogFormat{v1alpha1.LogFormatJSON, v1alpha1.LogFormatText}
	var all field.ErrorList
	if !slices.Contains(levels, logging.Level) {
		all = append(all, field.NotSupported(path.Child("level"), logging.Level, levels))
	}
	if !slices.Contains(formats, logging.Format) {
		all = append(all, field.NotSupported(path.Child("format"), logging.Format, formats))
	}
	return all
}

func validateEndpoints(config *v1alpha1.ManagerConfig) field.ErrorList {
	metrics := field.NewPath("metrics", "bindAddress")
	health := field.NewPath("health", "bindAddress")
	all := append(validateBindAddress(config.Metrics.BindAddress, metrics), validateBindAddress(config.Health.BindAddress, health)...)
	all = append(all, validateWebhooks(config)...)
	_, port, err := net.SplitHostPort(config.Health.BindAddress)
	if err != nil || port == "0" || config.Health.BindAddress != config.Metrics.BindAddress {
		return all
	}
	if config.Health == Default().Health { // the other one was changed
		return append(all, field.Invalid(metrics, config.Metrics.BindAddress, "must differ from health.bindAddress"))
	}
	return append(all, field.Invalid(health, config.Health.BindAddress, "must differ from metrics.bindAddress"))
}

func validateWebhooks(config *v1alpha1.ManagerConfig) field.ErrorList {
	path := field.NewPath("webhooks", "bindAddress")
	address := config.Webhooks.BindAddress
	all := validateBindAddress(address, path)
	_, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return all
	}
	switch address {
	case config.Metrics.BindAddress:
		all = append(all, field.Invalid(path, address, "must differ from metrics.bindAddress"))
	case config.Health.BindAddress:
		all = append(all, field.Invalid(path, address, "must differ from health.bindAddress"))
	}
	return all
}

func validateBindAddress(address string, path *field.Path) field.ErrorList {
	if address == "0" {
		return nil
	}
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || strconv.FormatUint(number, 10) != port || !isHost(host) {
		return field.ErrorList{field.Invalid(path, address, `must be [host]:port, such as ":8080" or "127.0.0.1:8080", or "0" to disable`)}
	}
	return nil
}

func isHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return host == "" || err == nil || len(validation.IsDNS1123Subdomain(host)) == 0
}

func validateLeaderElection(election *v1alpha1.LeaderElection, path *field.Path) field.ErrorList {
	const (
		minLease = time.Second // a Lease counts seconds
		minRetry = 100 * time.Millisecond
		jitter   = 1.2 // of client-go's leader election
	)
	var all field.ErrorList
	if election.Namespace != "" {
		all = append(all, validateNamespace(election.Namespace, path.Child("namespace"))...)
	}
	lease := election.LeaseDuration.Duration
	renew := election.RenewDeadline.Duration
	retry := election.RetryPeriod.Duration
	if retry < minRetry {
		all = append(all, field.Invalid(path.Child("retryPeriod"), retry.String(), "must be at least "+minRetry.String()))
	}
	if float64(renew) <= jitter*float64(retry) {
		all = append(all, field.Invalid(path.Child("renewDeadline"), renew.String(),
			"must be longer than 1.2 times leaderElection.retryPeriod ("+retry.String()+")"))
	}
	if lease < minLease {
		all = append(all, field.Invalid(path.Child("leaseDuration"), lease.String(), "must be at least "+minLease.String()))
	}
	if lease <= renew {
		all = append(all, field.Invalid(path.Child("leaseDuration"), lease.String(),
			"must be longer than leaderElection.renewDeadline ("+renew.String()+")"))
	}
	return all
}

// MinMemoryLimit of a run: an inspection of ten Pods needs about 90 MiB of private memory, most of it mapped and never used.
const MinMemoryLimit = "128Mi"

func validateInspections(inspections *v1alpha1.Inspections, path *field.Path) field.ErrorList {
	const maxConcurrent, maxContinuous = 100, 100
	var all field.ErrorList
	if inspections.MaxContinuous < 0 || inspections.MaxContinuous > maxContinuous {
		all = append(all, field.Invalid(path.Child("maxContinuous"), inspections.MaxContinuous,
			validation.InclusiveRangeError(0, maxContinuous)))
	}
	if inspections.MaxConcurrent < 1 || inspections.MaxConcurrent > maxConcurrent {
		all = append(all, field.Invalid(path.Child("maxConcurrent"), inspections.MaxConcurrent,
			validation.InclusiveRangeError(1, maxConcurrent)))
	}
	if inspections.MemoryLimit != v1alpha1.AutoMemoryLimit {
		limit, err := resource.ParseQuantity(inspections.MemoryLimit)
		if err != nil || limit.Cmp(resource.MustParse(MinMemoryLimit)) < 0 {
			all = append(all, field.Invalid(path.Child("memoryLimit"), inspections.MemoryLimit,
				`must be a quantity of at least `+MinMemoryLimit+`, such as "256Mi", or "auto"`))
		}
	}
	return all
}

func validateBackends(backends *v1alpha1.Backends, path *field.Path) field.ErrorList {
	const minMemory, maxMemory = 4 << 20, 1 << 40
	text := backends.ResponseMemory
	if text == "" {
		return nil
	}
	quantity, err := resource.ParseQuantity(text)
	if err != nil || quantity.CmpInt64(minMemory) < 0 || quantity.CmpInt64(maxMemory) > 0 {
		return field.ErrorList{field.Invalid(path.Child("responseMemory"), text, "must be a quantity from 4Mi to 1Ti, such as 64Mi")}
	}
	return nil
}

func validateLogCollection(collection *v1alpha1.LogCollection, path *field.Path) field.ErrorList {
	var all field.ErrorList
	if collection.Namespace != "" {
		all = append(all, validateNamespace(collection.Namespace, path.Child("namespace"))...)
	}
	all = append(all, validateNamespaces(collection.ClusterWideNamespaces, path.Child("clusterWideNamespaces"))...)
	at := path.Child("images")
	all = append(all, validateImage(collection.Images.Vector, at.Child("vector"))...)
	all = append(all, validateImage(collection.Images.Fluentd, at.Child("fluentd"))...)
	all = append(all, validateVectorVersion(collection.VectorVersion, path.Child("vectorVersion"))...)
	const minDisk = 512 << 20
	const maxDisk = 1 << 40
	quantity, err := resource.ParseQuantity(collection.BufferDisk)
	if err != nil || quantity.CmpInt64(minDisk) < 0 || quantity.CmpInt64(maxDisk) > 0 {
		all = append(all, field.Invalid(path.Child("bufferDisk"), collection.BufferDisk,
			"must be a quantity from 512Mi to 1Ti, such as 16Gi"))
	}
	return all
}

func validateVectorVersion(version string, path *field.Path) field.ErrorList {
	if version == "" {
		return nil
	}
	minor, ok := images.ParseVector(version)
	if !ok || minor < images.OldestVector || minor > images.NewestVector {
		return field.ErrorList{field.Invalid(path, version,
			fmt.Sprintf("must be a version of Vector from 0.%d to 0.%d, such as 0.%[2]d.0", images.OldestVector, images.NewestVector))}
	}
	return nil
}

// validateNamespaces checks a list of namespaces.
func validateNamespaces(names []string, path *field.Path) field.ErrorList {
	var all field.ErrorList
	for i, name := range names {
		at := path.Index(i)
		if slices.Index(names, name) < i {
			all = append(all, field.Duplicate(at, name))
			continue
		}
		all = append(all, validateNamespace(name, at)...)
	}
	return all
}

func validateNamespace(name string, path *field.Path) field.ErrorList {
	var all field.ErrorList
	for _, message := range validation.IsDNS1123Label(name) {
		all = append(all, field.Invalid(path, name, message))
	}
	return all
}

func validateImage(image string, path *field.Path) field.ErrorList {
	if image == "" || strings.ContainsFunc(image, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return field.ErrorList{field.Invalid(path, image, "must be an image reference without spaces; remove the field for the default")}
	}
	return nil
}

// validateRedis never quotes a value: a password may have been put in the wrong field.
func validateRedis(redis *v1alpha1.Redis, path *field.Path) field.ErrorList {
	var all field.ErrorList
	if redis.URL != "" {
		if _, _, err := redisurl.Parse(redis.URL); err != nil {
			all = append(all, field.Invalid(path.Child("url"), field.OmitValueType{}, err.Error()))
		}
	}
	for _, file := range []struct{ name, value string }{{"passwordFile", redis.PasswordFile}, {"caFile", redis.CAFile}} {
		switch {
		case file.value == "":
		case !filepath.IsAbs(file.value):
			all = append(all, field.Invalid(path.Child(file.name), field.OmitValueType{}, "must be an absolute path"))
		case redis.URL == "":
			all = append(all, field.Forbidden(path.Child(file.name), "needs answerCache.redis.url"))
		case file.name == "caFile" && !strings.HasPrefix(redis.URL, "rediss://"):
			all = append(all, field.Forbidden(path.Child(file.name), "needs a URL that begins with rediss://"))
		}
	}
	return all
}
