import ArgumentParser
import Diffusion
import Foundation
import SharedModel
import Worker

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Times the bare engine on a sweep: no coordinator, wire, PNG or disk.",
        discussion: "Renders every cell in the order of the shards and throws the pixels away.",
        shouldDisplay: false)

    @Argument(help: "The sweep file.")
    var sweep: String

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    @Flag(help: "Renders each cell by itself.")
    var noSharing = false

    struct Result: Encodable {
        var images: Int
        /// From the first cell to the last, without loading the model.
        var seconds: Double
        var device: String
    }

    func run() throws {
        let planned = try PlannedSweep(file: sweep)
        let engine = DiffusionEngine(
            device: try CPUDevice(), isSharing: !noSharing, findFile: { name, _ in try planned.file(name) },
            findModel: { name, _ in try planned.model(name) })
        var result = Result(images: 0, seconds: 0, device: engine.device)
        for shard in planned.grants {
            guard let first = shard.first else { continue }
            try engine.prepare(model: planned.modelName(of: first), for: first)
            let start = ContinuousClock.now
            try engine.render(shard, progress: { _ in true }) { _ in result.images += 1 }
            result.seconds += (ContinuousClock.now - start) / .seconds(1)
        }
        if json {
            try Console.print(json: result, isPretty: false)
        } else {
            Console.print(
                "\(result.images) images in \(ProgressText.rounded(result.seconds)) s, "
                    + "\(ProgressText.rounded(Double(result.images) / result.seconds * 60)) a minute, \(result.device)")
        }
    }
}
