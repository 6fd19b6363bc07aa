import SharedModel

/// How far two auditors agree on the images that both have judged.
package struct Agreement: Equatable, Sendable {
    package let auditors: [String]
    /// Images that both have judged.
    package let images: Int
    /// Images on which both said the same.
    package let agreed: Int
    /// Agreement beyond chance, at most 1 (Cohen, "A coefficient of agreement for nominal scales", 1960); `nil` while no
    /// image is shared, or when each of them gave one verdict alone and so would agree by chance always.
    package let kappa: Double?

    /// Every pair of auditors, in the order of their names.
    package static func pairs(_ opinions: [PlacedOpinion]) -> [Agreement] {
        var verdicts: [String: [CellKey: Opinion.Verdict]] = [:]
        for placed in opinions {
            verdicts[placed.opinion.auditor, default: [:]][placed.opinion.cell] = placed.opinion.verdict
        }
        let names = verdicts.keys.sorted()
        return names.indices.flatMap { first in
            names[(first + 1)...].map { second in
                Agreement(
                    auditors: [names[first], second], verdicts[names[first], default: [:]],
                    verdicts[second, default: [:]])
            }
        }
    }

    private init(
        auditors: [String], _ first: [CellKey: Opinion.Verdict], _ second: [CellKey: Opinion.Verdict]
    ) {
        let shared = first.compactMap { cell, verdict in second[cell].map { (verdict, $0) } }
        self.auditors = auditors
        images = shared.count
        agreed = shared.count { $0.0 == $0.1 }
        let count = Double(shared.count)
        let firstKeeps = Double(shared.count { $0.0 == .keep }) / count
        let secondKeeps = Double(shared.count { $0.1 == .keep }) / count
        let byChance = firstKeeps * secondKeeps + (1 - firstKeeps) * (1 - secondKeeps)
        let observed = Double(agreed) / count
        kappa = shared.isEmpty || byChance >= 1 ? nil : (observed - byChance) / (1 - byChance)
    }
}
