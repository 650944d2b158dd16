package e2e

import (
	"encoding/json"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"kubeops.io/kubeops/api/v1alpha1"
)

const minute = time.Minute

// unique returns a value that no earlier call returned.
func unique() string { return strconv.FormatInt(time.Now().UnixNano(), 36) }

// parseReport parses the JSON output of the command line.
func parseReport(text string) *v1alpha1.InspectionReport {
	GinkgoHelper()
	report := &v1alpha1.InspectionReport{}
	Expect(json.Unmarshal([]byte(text), report)).To(Succeed())
	return report
}
