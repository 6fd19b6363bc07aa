import ArgumentParser
import Coordinator
import SharedModel

/// Options that choose positions of a sweep by what they are; names and values are those of a sweep file.
struct SelectionOptions: ParsableArguments {
    @Option(help: "A style.")
    var style: [String] = []

    @Option(help: "A prompt of the sweep file, or a part of prompts.")
    var prompt: [String] = []

    @Option(help: "A negative prompt of the sweep file, or a part of some.")
    var negativePrompt: [String] = []

    @Option(help: "A model, as the sweep file names it.")
    var model: [String] = []

    @Option(help: "A guidance scale.")
    var guidance: [String] = []

    @Option(help: "A seed.")
    var seed: [UInt64] = []

    @Option(help: "A number of sampler steps.")
    var steps: [Int] = []

    @Option(help: "A sampler.")
    var sampler: [String] = []

    @Option(help: "A width and height in pixels, such as 512x512.")
    var size: [String] = []

    @Option(help: "The number of a position.")
    var position: [Int] = []

    /// - Throws: `ValidationError` for a value that no sweep file can have.
    func gridSelection() throws -> GridSelection {
        var conditions: [GridSelection.Condition] = []
        func add(_ axis: GridAxis, _ values: [String]) {
            conditions += values.map { GridSelection.Condition(axis, $0) }
        }
        do throws(SweepProblem) {
            add(.style, style)
            add(.prompt, prompt)
            add(.negativePrompt, negativePrompt)
            add(.model, model)
            for text in guidance { add(.guidance, ["\(try ExactNumber(text, key: "guidance").decimal)"]) }
            add(.seed, seed.map { "\($0)" })
            add(.steps, steps.map { "\($0)" })
            add(.sampler, sampler)
            for text in size { add(.size, ["\(try ImageSize(text))"]) }
        } catch {
            throw ValidationError("\(error)")
        }
        return GridSelection(conditions, positions: position)
    }
}
