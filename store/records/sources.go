package records

// sourceNames are the sources by the names that people and programs give.
var sourceNames = map[string]Source{
	"gateway": SourceGateway, "ingest": SourceIngest, "import": SourceImport, "shadow": SourceShadow, "replay": SourceReplay,
}

// SourceNamed is the source of a name: gateway, ingest, import, shadow or replay.
func SourceNamed(name string) (Source, bool) {
	s, ok := sourceNames[name]
	return s, ok
}

// Name is what people and programs call a source; the gateway's is "gateway".
func (s Source) Name() string {
	if s == SourceGateway {
		return "gateway"
	}
	return string(s)
}
