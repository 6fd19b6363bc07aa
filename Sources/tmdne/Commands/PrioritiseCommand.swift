import ArgumentParser
import Coordinator
import Foundation
import SharedModel

struct PrioritiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prioritise",
        abstract: "Has images of a sweep rendered before all others.",
        discussion: """
            A running coordinator takes it up within a second or two; otherwise the next `tmdne resume` does. Options of \
            different names narrow the choice, and the same one again widens it. Images that differ in guidance alone are \
            handed out some at a time: those that are handed out with a chosen one come with it. What workers have begun is \
            finished first.

            tmdne prioritise mathematicians --style none --prompt 'old man'
            tmdne prioritise mathematicians --guidance 7.5 --to 2    before those with priority 1
            tmdne prioritise mathematicians --reset                  everything in its usual place
            """,
        aliases: ["prioritize"])

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @OptionGroup(title: "What is meant; each may be repeated")
    var selection: SelectionOptions

    @Option(help: "The priority, 1 to 9: higher comes first.")
    var to = 1

    @Flag(help: "Gives images their usual place again: those that are named, or all.")
    var reset = false

    func validate() throws {
        guard PriorityRequest.choices.contains(to) else {
            let (least, most) = (PriorityRequest.choices.lowerBound, PriorityRequest.choices.upperBound)
            throw ValidationError("--to \(to) is not possible; choose between \(least) and \(most), or --reset.")
        }
        guard try reset || !selection.gridSelection().isEmpty else {
            throw ValidationError("Name what comes first, such as --style or --prompt, or give --reset.")
        }
    }

    func run() async throws {
        let request = PriorityRequest(
            try selection.gridSelection(), priority: reset ? PriorityRequest.normal : to)
        let answer = try await directory.sweep.prioritise(request)
        Console.print(reset ? resetSentence(answer) : sentence(answer))
    }

    private func sentence(_ answer: PriorityAnswer) -> String {
        guard answer.images > 0 else {
            return "Nothing is left to come first: these images are done, or failed and wait for "
                + "`tmdne retry \(directory)`."
        }
        let others = answer.images - answer.matching
        let company = others > 0 ? ", \(others) of them because they are handed out together with the others" : ""
        let taker =
            answer.isAsked ? "the running coordinator takes it up" : "`tmdne resume \(directory)` begins with them"
        return "\(answer.images) images come first now\(company); \(taker)."
    }

    private func resetSentence(_ answer: PriorityAnswer) -> String {
        guard answer.images > 0 || answer.isAsked else { return "None of these images was prioritised." }
        let taker = answer.isAsked ? "; the running coordinator takes it up" : ""
        return "\(answer.images) images have their usual place again\(taker)."
    }
}
