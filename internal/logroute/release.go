package logroute

import (
	"cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute/images"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// vectorVersion is the version of Vector that the configuration is written for, or a problem if it is not known or not supported. A
// configuration for another version could keep Vector from starting on all nodes.
func (o Options) vectorVersion() (logs.VectorVersion, *problem.Problem) {
	image := cmp.Or(o.VectorImage, DefaultVectorImage)
	minor, ok := images.VectorOf(image)
	from := "image " + image
	if o.VectorVersion != "" {
		minor, ok = images.ParseVector(o.VectorVersion)
		from = "logCollection.vectorVersion"
	}
	oldest, newest := logs.VectorVersion(images.OldestVector), logs.VectorVersion(images.NewestVector)
	switch version := logs.VectorVersion(minor); {
	case !ok:
		return 0, unsupported("the tag of image %s is not a version of Vector; set logCollection.vectorVersion in the manager's "+
			"configuration to the version in the image, from %s to %s", image, oldest, newest)
	case version < oldest || version > newest:
		return 0, unsupported("Vector %s of %s is not supported; set logCollection.images.vector in the manager's configuration to an "+
			"image of Vector %s to %s", version, from, oldest, newest)
	default:
		return version, nil
	}
}

func unsupported(format string, args ...any) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonCollectorUnsupported, nil, format, args...)
}

// checkCollector describes the sink for the version of Vector, which may not be able to send to the backend.
func (r *route) checkCollector(options Options) *problem.Problem {
	if r.collector() != v1alpha1.CollectorVector {
		return nil
	}
	version, p := options.vectorVersion()
	if p != nil {
		return p
	}
	to := logs.VectorRoute{URL: r.url, ParseJSON: r.Collect.ParseJSON, Version: version}
	if r.authorization != "" {
		to.Authorization = "SECRET[kubeops." + r.authKey() + "]"
	}
	sink, err := r.Target.Vector(to)
	if err != nil {
		if p := problem.As(err); p != nil {
			return p
		}
		return problem.UserError(v1alpha1.ReasonCollectorUnsupported, err, "the route cannot be written for Vector %s", version)
	}
	r.vector = sink
	return nil
}
