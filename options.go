package hogflags

// EvaluateOption changes one evaluation.
type EvaluateOption struct {
	keys      []string
	localOnly bool
	geoIP     *bool
	events    *bool
}

var yes, no = true, false // what options point to, so that they cost nothing

func pointer(on bool) *bool {
	if on {
		return &yes
	}
	return &no
}

// FlagKeys confines [Client.EvaluateFlags] and its relatives to some flags: only
// they are evaluated, asked for and in the snapshot. Of no keys nothing is
// evaluated. Without this option it is all flags. Calls for one flag ignore it.
func FlagKeys(keys ...string) EvaluateOption {
	if keys == nil {
		keys = []string{}
	}
	return EvaluateOption{keys: keys}
}

// OnlyEvaluateLocally keeps a call from asking PostHog, whatever
// [Config.OnlyEvaluateLocally] says: it does no I/O and does not block.
func OnlyEvaluateLocally() EvaluateOption { return EvaluateOption{localOnly: true} }

// GeoIP says whether PostHog, if it is asked, may take $geoip_ properties from
// the address that the request comes from. It overrides [Config.GeoIP].
func GeoIP(on bool) EvaluateOption { return EvaluateOption{geoIP: pointer(on)} }

// SendFeatureFlagEvents says whether the call, or reading from its snapshot,
// reports $feature_flag_called. The default is true, with a [Config.Events].
func SendFeatureFlagEvents(on bool) EvaluateOption { return EvaluateOption{events: pointer(on)} }

// settings is what the options of a call come to.
type settings struct {
	keys      []string
	localOnly bool
	geoIP     bool
	silent    bool
}

func (c *Client) settings(opts []EvaluateOption) settings {
	s := settings{localOnly: c.localOnly, geoIP: c.geoIP, silent: c.reporter == nil}
	for i := range opts {
		o := &opts[i]
		if o.keys != nil {
			s.keys = o.keys
		}
		s.localOnly = s.localOnly || o.localOnly
		if o.geoIP != nil {
			s.geoIP = *o.geoIP
		}
		if o.events != nil {
			s.silent = c.reporter == nil || !*o.events
		}
	}
	return s
}
