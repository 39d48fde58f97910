package check

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	podsecurity "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what kubectl apply -k sends, read as strictly as the API server
// can.
type manifests struct {
	namespace  corev1.Namespace
	config     corev1.ConfigMap
	deployment appsv1.Deployment
	service    corev1.Service
	disruption policyv1.PodDisruptionBudget
	network    networkingv1.NetworkPolicy
}

func kubernetes(t *testing.T) *manifests {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	m := &manifests{}
	into := map[string]any{
		"v1 Namespace": &m.namespace, "v1 ConfigMap": &m.config, "v1 Service": &m.service, "apps/v1 Deployment": &m.deployment,
		"policy/v1 PodDisruptionBudget": &m.disruption, "networking.k8s.io/v1 NetworkPolicy": &m.network,
	}
	for _, r := range built.Resources() {
		kind := r.GetApiVersion() + " " + r.GetKind()
		body, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		object, ok := into[kind]
		if !ok {
			t.Fatalf("a second or unknown %s", kind)
		}
		delete(into, kind)
		if err := yaml.UnmarshalStrict(body, object); err != nil {
			t.Fatalf("%s: %v\n%s", kind, err, body)
		}
		if kind != "v1 Namespace" && r.GetNamespace() != m.namespace.Name {
			t.Errorf("%s is in namespace %q", kind, r.GetNamespace())
		}
	}
	for kind := range into {
		t.Errorf("there is no %s", kind)
	}
	return m
}

// The pods are admitted by the strictest standard of Kubernetes, which their
// namespace enforces.
func TestPodSecurity(t *testing.T) {
	m := kubernetes(t)
	if level := m.namespace.Labels[podsecurity.EnforceLevelLabel]; level != string(podsecurity.LevelRestricted) {
		t.Errorf("the namespace enforces %q", level)
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	pod := m.deployment.Spec.Template
	standard := podsecurity.LevelVersion{Level: podsecurity.LevelRestricted, Version: podsecurity.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(standard, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Errorf("not restricted: %s, %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	if c := pod.Spec.Containers[0]; !*c.SecurityContext.ReadOnlyRootFilesystem || c.Resources.Limits.Memory().IsZero() {
		t.Error("the container may write everywhere, or take all memory")
	}
}

// What refers to something else refers to something that is there.
func TestReferences(t *testing.T) {
	m := kubernetes(t)
	pod := m.deployment.Spec.Template
	container := pod.Spec.Containers[0]
	for name, selector := range map[string]*metav1.LabelSelector{
		"deployment": m.deployment.Spec.Selector, "budget": m.disruption.Spec.Selector, "network": &m.network.Spec.PodSelector,
		"service": metav1.SetAsLabelSelector(m.service.Spec.Selector), "spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		if s, err := metav1.LabelSelectorAsSelector(selector); err != nil || s.Empty() || !s.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s does not select the pods: %v, %v", name, selector, err)
		}
	}
	ports := map[string]int32{}
	for _, p := range container.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if want := map[string]int32{"http": 8080, "admin": 8081}; !maps.Equal(ports, want) {
		t.Errorf("ports %v, want those of the image, %v", ports, want)
	}
	used := []intstr.IntOrString{
		m.service.Spec.Ports[0].TargetPort, container.StartupProbe.HTTPGet.Port, container.ReadinessProbe.HTTPGet.Port, container.LivenessProbe.HTTPGet.Port,
	}
	for _, rule := range m.network.Spec.Ingress {
		used = append(used, *rule.Ports[0].Port)
	}
	for _, port := range used {
		if _, ok := ports[port.StrVal]; !ok {
			t.Errorf("there is no port %s", port.String())
		}
	}
	for _, mount := range container.VolumeMounts {
		if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name }) || mount.SubPath != "" {
			t.Errorf("mount %s has no volume, or would not change with it", mount.Name)
		}
	}
	stop := *pod.Spec.TerminationGracePeriodSeconds - container.Lifecycle.PreStop.Sleep.Seconds
	if stop < 21 { // it drains for 10 s at most, and closes for as long
		t.Errorf("a relay has %d s to stop", stop)
	}
	if container.ReadinessProbe.HTTPGet.Path != "/readyz" || container.LivenessProbe.HTTPGet.Path != "/livez" {
		t.Error("the probes ask for something else")
	}
}

// Prometheus' operator finds the pods, and the port.
func TestPodMonitor(t *testing.T) {
	m := kubernetes(t)
	var monitor monitoringv1.PodMonitor
	if err := yaml.UnmarshalStrict([]byte(document(t, "../kubernetes/podmonitor.yaml")), &monitor); err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil || !selector.Matches(labels.Set(m.deployment.Spec.Template.Labels)) || monitor.Namespace != m.namespace.Name {
		t.Errorf("it does not select the pods: %v, %v", selector, err)
	}
	if endpoint := monitor.Spec.PodMetricsEndpoints[0]; *endpoint.Port != "admin" || endpoint.Path != "/metrics" {
		t.Errorf("it asks %s of port %s", endpoint.Path, *endpoint.Port)
	}
}

// The relay takes the configuration, and finds the files that it names.
func TestConfigMap(t *testing.T) {
	m := kubernetes(t)
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(m.config.Data["relay.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := readConfig(t, file)
	pod := m.deployment.Spec.Template.Spec
	mounts := map[string]corev1.Volume{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		mounts[mount.MountPath] = pod.Volumes[slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })]
	}
	variables := map[string]string{}
	for _, v := range pod.Containers[0].Env {
		variables[v.Name] = v.Value
	}
	if file := variables["HOGFLAGS_CONFIG"]; path.Base(file) != "relay.yaml" || mounts[path.Dir(file)].ConfigMap.Name != m.config.Name {
		t.Errorf("HOGFLAGS_CONFIG is %s, which is not mounted", file)
	}
	p := cfg.Projects[0]
	if mounts[path.Dir(p.LastKnownGood)].EmptyDir == nil {
		t.Errorf("last_known_good is %s, which is not mounted", p.LastKnownGood)
	}
	// kubectl names what is from a file as the file is, without its folder.
	made := regexp.MustCompile(`--from-(?:file=(?:[a-z]+/)?|literal=)([a-z-]+)`).FindAllStringSubmatch(document(t, "../../docs/deploy.md"), -1)
	for _, s := range []place{p.SecretKey, p.RelayKeysFrom, p.CacheFrom} {
		if secret := mounts[path.Dir(s.File)].Secret; secret == nil || secret.SecretName != "hogflags" {
			t.Errorf("%s is not of the secret", s.File)
		}
		if !slices.ContainsFunc(made, func(m []string) bool { return m[1] == path.Base(s.File) }) {
			t.Errorf("%s is in the configuration, but docs/deploy.md does not put it into the secret", s.File)
		}
	}
	if !strings.Contains(document(t, "../../docs/deploy.md"), "--namespace "+m.namespace.Name+" create secret generic hogflags ") {
		t.Error("docs/deploy.md does not make the secret")
	}
}
