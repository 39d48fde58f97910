// A project of n flags such as PostHog serves it: percentages, variants,
// properties, a cohort and payloads.
export function project(n) {
  const flags = Array.from({ length: n }, (_, i) => ({
    id: i + 1,
    key: `flag-${String(i).padStart(3, "0")}`,
    name: `Flag ${i}`,
    active: true,
    deleted: false,
    version: 1,
    ensure_experience_continuity: false,
    filters: {
      groups: [
        {
          properties: [
            { key: "plan", type: "person", operator: "exact", value: ["pro", "team"] },
            i % 5 === 0
              ? { key: "id", type: "cohort", value: 1 }
              : { key: "email", type: "person", operator: "icontains", value: "@example.com" },
          ],
          rollout_percentage: 50,
        },
        { properties: [{ key: "country", type: "person", operator: "exact", value: ["DE", "FR"] }], rollout_percentage: i % 100 },
        { properties: [], rollout_percentage: (7 * i) % 100 },
      ],
      multivariate:
        i % 3 === 0 ? { variants: [{ key: "control", rollout_percentage: 50 }, { key: "test", rollout_percentage: 50 }] } : null,
      payloads: { true: '{"size":1}', control: '{"size":2}', test: '{"size":3}' },
    },
  }));
  return JSON.stringify({
    flags,
    group_type_mapping: { 0: "company" },
    cohorts: { 1: { type: "OR", values: [{ type: "AND", values: [{ key: "seats", type: "person", operator: "gt", value: 10 }] }] } },
  });
}
