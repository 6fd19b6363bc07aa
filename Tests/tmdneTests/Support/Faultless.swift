import SharedModel
import Synchronization
import Testing

/// The images of sweeps that nothing goes wrong with, each rendered once, however many tests ask.
enum Faultless {
    /// More would take longer than the faults that they are held against.
    private static let most = 800
    private static let known = Mutex<[String: [CellKey: String]]>([:])

    /// The SHA-256 of the image of each cell of a sweep; of a large one, the cells of its first prompts.
    static func images(of sweep: SmallSweep) async throws -> [CellKey: String] {
        var part = sweep
        // The grid shows them first, so that they keep their positions, which stand in the images.
        part.prompts = Array(sweep.prompts.prefix(max(1, most / sweep.guidances)))
        if let images = known.withLock({ $0[part.text] }) { return images }
        var images: [CellKey: String] = [:]
        try await Sandbox.with { sandbox in
            try sandbox.write("sweep.yaml", part.text)
            let run = try sandbox.start("run", "sweep.yaml", "--output", "out", "--cache", "cache")
            _ = try await run.end(within: .seconds(600))
            let audit = try SweepAudit(sandbox, "out")
            try await audit.expectWhole(cells: part.cells)
            images = audit.images
        }
        known.withLock { $0[part.text] = images }
        return images
    }
}
