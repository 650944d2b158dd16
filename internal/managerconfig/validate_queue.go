package managerconfig

import (
	"net/url"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

// validateWorkQueue never quotes a URL or a path: a password may have been put in the wrong field.
func validateWorkQueue(queue *v1alpha1.WorkQueue, path *field.Path) field.ErrorList {
	const maxName, maxReplicas = 32, 5
	const maxStorage = "1Ti"
	var all field.ErrorList
	if queue.NATSURL != "" && !isNATS(queue.NATSURL) {
		all = append(all, field.Invalid(path.Child("natsURL"), field.OmitValueType{}, "must be nats://HOST[:PORT] or tls://HOST[:PORT], "+
			"or several of them separated by commas, without credentials, a path or a query"))
	}
	if len(validation.IsDNS1123Label(queue.Name)) > 0 || len(queue.Name) > maxName {
		all = append(all, field.Invalid(path.Child("name"), queue.Name, "must be at most 32 lower case letters, digits and dashes"))
	}
	if queue.Replicas < 1 || queue.Replicas > maxReplicas {
		all = append(all, field.Invalid(path.Child("replicas"), queue.Replicas, validation.InclusiveRangeError(1, maxReplicas)))
	}
	for _, storage := range []struct{ name, value, least string }{
		{"partsStorage", queue.PartsStorage, "1Mi"}, {"resultsStorage", queue.ResultsStorage, "32Mi"},
	} {
		quantity, err := resource.ParseQuantity(storage.value)
		if err != nil || quantity.Cmp(resource.MustParse(storage.least)) < 0 || quantity.Cmp(resource.MustParse(maxStorage)) > 0 {
			all = append(all, field.Invalid(path.Child(storage.name), storage.value,
				"must be a quantity from "+storage.least+" to "+maxStorage+", such as 512Mi"))
		}
	}
	for _, file := range []struct{ name, value string }{
		{"credentialsFile", queue.CredentialsFile}, {"passwordFile", queue.PasswordFile}, {"caFile", queue.CAFile},
		{"certFile", queue.CertFile}, {"keyFile", queue.KeyFile},
	} {
		switch {
		case file.value == "":
		case !filepath.IsAbs(file.value):
			all = append(all, field.Invalid(path.Child(file.name), field.OmitValueType{}, "must be an absolute path"))
		case queue.NATSURL == "":
			all = append(all, field.Forbidden(path.Child(file.name), "needs workQueue.natsURL"))
		}
	}
	if (queue.CertFile == "") != (queue.KeyFile == "") {
		all = append(all, field.Required(path.Child("keyFile"), "certFile and keyFile belong together: set both or none"))
	}
	return all
}

// isNATS reports whether all of a list of URLs are addresses of servers, without credentials.
func isNATS(urls string) bool {
	for one := range strings.SplitSeq(urls, ",") {
		parsed, err := url.Parse(strings.TrimSpace(one))
		if err != nil || parsed.Scheme != "nats" && parsed.Scheme != "tls" || parsed.Hostname() == "" || parsed.User != nil ||
			strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.Fragment != "" {
			return false
		}
	}
	return true
}
