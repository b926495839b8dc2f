// Storage batches: H15.
const check = (name, request, cites = ["H15"]) => ({ name, cites, run: (host) => host.pass(request) });

export const checks = [
  check("a batch with one invalid operation leaves no trace", "atomic-refused", ["H15", "H16"]),
  check("a batch that fails leaves no trace", "atomic-failed"),
  check("a cancelled batch is applied wholly or not at all", "cancelled-batch", ["H14", "H15"]),
  check("batches take effect in the order of their acceptance", "order"),
  check("reads see the writes before them in their batch", "reads"),
  check("ranges have their start and not their end, in the order of bytes", "ranges"),
  check("scans stop at their limits and say so", "limits"),
  check("values of every size come back", "sizes"),
];
