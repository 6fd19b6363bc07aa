import ArgumentParser
import Foundation
import SharedModel

struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Shows what a sweep file asks for; renders nothing.",
        discussion: "Checks the file, the styles and the model, so that a mistake shows now and not tonight.")

    @Argument(help: "The sweep file.")
    var sweep: String

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    struct Summary: Encodable {
        var positions: Int
        var cells: Int
        var shards: Int
        /// Positions that show a cell which another position shows already.
        var duplicates: Int
    }

    func run() throws {
        let planned = try PlannedSweep(file: sweep)
        try planned.warnings().forEach(Console.note)
        let plan = planned.plan
        let summary = Summary(
            positions: plan.positions.count, cells: plan.cells.count, shards: plan.shards.count,
            duplicates: plan.positions.count - plan.cells.count)
        guard !json else { return try Console.print(json: summary, isPretty: false) }
        let evaluations = plan.cells.reduce(0) { $0 + $1.cell.steps * ($1.cell.guidance > 1 ? 2 : 1) }
        let pixels = plan.cells.reduce(0) { $0 + $1.cell.width * $1.cell.height }
        Console.print(plan.name)
        Console.print("  \(summary.positions) positions of the grid")
        Console.print(
            "  \(summary.cells) distinct cells to render, \(summary.duplicates) positions show another's image")
        Console.print("  \(summary.shards) shards, from coarse to fine in guidance")
        Console.print("  about \(evaluations) UNet evaluations and \(pixels / 1_000_000) megapixels of images")
        Console.print("Render it with `tmdne run \(sweep)`, which shows the time that is left once it has begun.")
    }
}
