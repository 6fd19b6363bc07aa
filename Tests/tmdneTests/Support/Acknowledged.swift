import SharedModel

extension Launched {
    /// Cells whose storage the coordinator acknowledged, as the log of a worker with `--verbose` tells in whole lines.
    var acknowledged: Set<CellKey> {
        let lines = complaints.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return Set(
            lines.filter { $0.hasSuffix(" stored") || $0.hasSuffix(" was there already") }
                .compactMap { CellKey(hex: String($0.prefix(64))) })
    }
}
