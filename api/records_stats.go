package api

import (
	"context"

	"aictl/store/records"
)

type recordStatsInput struct {
	RecordsInput
	By string `query:"by" enum:"service,release,instance,model,method,path,source,end,status,hour,day" doc:"Sums of each, too"`
}

func (s *Server) recordStats(ctx context.Context, in *recordStatsInput) (RecordStats, error) {
	f, err := in.selection()
	if err != nil {
		return RecordStats{}, err
	}
	sum, err := s.deps.Records.Stats(ctx, f, records.GroupBy(in.By))
	if err != nil {
		return RecordStats{}, err
	}
	out := renderStats(sum)
	out.By, out.Ledger = in.By, s.deps.Recorder.Ledger()
	return out, nil
}

func renderStats(s records.Stats) RecordStats {
	out := RecordStats{
		SchemaVersion: SchemaVersion, Records: s.Count, Bytes: s.RequestBytes + s.ResponseBytes, RecordSum: renderSum(s.Sum),
		Days: []RecordDay{}, Services: map[string]int64{}, Statuses: map[int]int64{}, Ends: map[string]int64{}, Warnings: orEmpty(s.Warnings),
		Groups: []RecordGroup{},
	}
	for _, d := range s.Days {
		out.Days = append(out.Days, RecordDay{Day: d.Day, Records: d.Count, Bytes: d.Bytes})
	}
	for name, n := range s.ByService {
		out.Services[name] = n
	}
	for status, n := range s.ByStatus {
		out.Statuses[status] = n
	}
	for end, n := range s.ByEnd {
		out.Ends[string(end)] = n
	}
	for _, g := range s.Groups {
		out.Groups = append(out.Groups, RecordGroup{Key: g.Key, Records: g.Count, RecordSum: renderSum(g.Sum)})
	}
	return out
}

func renderSum(s records.Sum) RecordSum {
	return RecordSum{
		Errors: s.Failed, RequestBytes: s.RequestBytes, ResponseBytes: s.ResponseBytes,
		Duration: renderPercentiles(s.Duration), FirstByte: renderPercentiles(s.FirstByte),
	}
}

func renderPercentiles(p records.Percentiles) Percentiles {
	return Percentiles{P50: milliseconds(p.P50), P90: milliseconds(p.P90), P95: milliseconds(p.P95), P99: milliseconds(p.P99), Max: milliseconds(p.Max)}
}
