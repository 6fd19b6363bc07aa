/// One thing that is wrong with a sweep, without the place where it stands.
package enum SweepProblem: Error, Equatable, Sendable {
    // The file.
    case notText
    case controlCharacter(UInt8)
    case notYAML(String)
    case aliasesExpandTooFar
    case notAMapping
    // Its keys.
    case duplicateKey(String)
    case unknownKey(String, nearest: String?, all: [String])
    case missingKey(String, example: String)
    // Values of any kind.
    case empty(key: String)
    case notAValue(key: String)
    case notOneValue(key: String)
    // Texts.
    case blankText(key: String)
    case notALine(key: String)
    case controlCharacterInText(key: String, UInt32)
    case textTooLong(key: String, bytes: Int, limit: Int)
    // Numbers and ranges.
    case notANumber(key: String, String)
    case notWhole(key: String, String)
    case tooManyPlaces(key: String, String, limit: Int)
    case outOfBounds(key: String, String, lower: String, upper: String)
    case rangeKeys(key: String)
    case rangeDescends(key: String, from: String, to: String)
    case stepNotPositive(key: String, String)
    case stepMissesEnd(key: String, last: String, next: String, to: String)
    case countTooSmall(key: String, String)
    case countInexact(key: String, from: String, to: String, count: String)
    // Sizes, samplers, styles.
    case notASize(String)
    case sizeOutOfBounds(String)
    case unknownSampler(String, nearest: String?, all: [String])
    case twoSchedules(sampler: String, schedule: String)
    case scheduleNotTaken(sampler: String, schedule: String)
    case unknownStyle(String, nearest: String?, all: [String])
    // Options.
    case unknownChoice(key: String, String, nearest: String?, all: [String])
    case notAnInterval(String)
    case notALoRA
    case tooManyLoRAs(Int, limit: Int)
    // The whole grid.
    case tooManyPositions(atLeast: Int, limit: Int)
}

extension SweepProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notText:
            "the file is not UTF-8 text; save it as UTF-8"
        case .controlCharacter(let code):
            "the control character \(hex(UInt32(code))) has no place in a sweep file; delete it"
        case .notYAML(let problem):
            "this is not YAML (\(problem)); indent with spaces, and put texts with special characters in quotes"
        case .aliasesExpandTooFar:
            "the aliases (*name) stand for far more text than the file holds; write the values out"
        case .notAMapping:
            "a sweep file is a mapping; begin with a line such as 'name: my-sweep'"
        case .duplicateKey(let key):
            "the key \(quoted(key)) stands in the file twice; keep one and make its value a list"
        case .unknownKey(let key, let nearest, let all):
            "unknown key \(quoted(key))\(remedy(nearest, "the keys are", all))"
        case .missingKey(let key, let example):
            "the key '\(key)' is missing; add a line such as '\(example)'"
        case .empty(let key):
            "'\(key)' is an empty list, so the grid has no positions; give it a value or delete the key"
        case .notAValue(let key):
            "'\(key)' holds a value that is neither a plain value nor a list of them; put texts that contain ': ' or "
                + "begin with '[' or '{' in quotes"
        case .notOneValue(let key):
            "'\(key)' cannot be an axis; give it one value"
        case .blankText(let key):
            "'\(key)' has a value that is blank; write \"\" where an empty text is meant"
        case .notALine(let key):
            "'\(key)' must be one line of visible characters; take line breaks and invisible characters out"
        case .controlCharacterInText(let key, let code):
            "'\(key)' contains the control character \(hex(code)); delete it"
        case .textTooLong(let key, let bytes, let limit):
            "'\(key)' has a text of \(bytes) bytes, and \(limit) are the most; shorten it"
        case .notANumber(let key, let text):
            "\(quoted(text)) is not a number that '\(key)' can be; write plain digits"
        case .notWhole(let key, let text):
            "'\(key)' takes whole numbers, and \(quoted(text)) is none; round it"
        case .tooManyPlaces(let key, let text, let limit):
            "'\(key)' takes at most \(limit) decimal places, and \(quoted(text)) has more; round it"
        case .outOfBounds(let key, let text, let lower, let upper):
            "'\(key)' must be from \(lower) to \(upper), and \(quoted(text)) is not; change it"
        case .rangeKeys(let key):
            "the range of '\(key)' must have the keys from, to and one of step and count, as in "
                + "{from: 5, to: 18.5, step: 0.5}"
        case .rangeDescends(let key, let from, let to):
            "the range of '\(key)' goes down from \(from) to \(to); swap the two"
        case .stepNotPositive(let key, let step):
            "the step \(step) of '\(key)' must be greater than 0; change it"
        case .stepMissesEnd(let key, let last, let next, let to):
            "the range of '\(key)' misses its end \(to): it has \(last) and then \(next); change the step, or end it "
                + "at \(last) or \(next)"
        case .countTooSmall(let key, let count):
            "the count \(count) of '\(key)' is too small; a range from one number to another has at least 2 values"
        case .countInexact(let key, let from, let to, let count):
            "\(count) values of '\(key)' from \(from) to \(to) lie at no exact decimals; change the count, or write "
                + "the values as a list"
        case .notASize(let text):
            "\(quoted(text)) is not a size; write WIDTHxHEIGHT in pixels, as in 512x768"
        case .sizeOutOfBounds(let text):
            "the sides of \(quoted(text)) must be multiples of \(ImageSize.multiple) from \(ImageSize.sides.lowerBound)"
                + " to \(ImageSize.sides.upperBound); change them"
        case .unknownSampler(let name, let nearest, let all):
            "there is no sampler \(quoted(name))\(remedy(nearest, "the samplers are", all)), many with a schedule behind "
                + "them: \(ScheduleName.allCases.map { "-\($0.rawValue)" }.joined(separator: ", "))"
        case .twoSchedules(let sampler, let schedule):
            "the sampler '\(sampler)' names its schedule already, and 'schedule' says \(schedule); take one of the two out"
        case .scheduleNotTaken(let sampler, let schedule):
            "the sampler '\(sampler)' lays its noise levels out itself and takes no schedule such as \(schedule); take "
                + "'schedule' out, or put the sampler into a sweep of its own"
        case .unknownStyle(let name, let nearest, let all):
            "there is no style \(quoted(name))\(remedy(nearest, "the styles are", all))"
        case .unknownChoice(let key, let text, let nearest, let all):
            "'\(key)' cannot be \(quoted(text))\(remedy(nearest, "it takes", all))"
        case .notAnInterval(let text):
            "\(quoted(text)) is not a range of noise levels; write LOW-HIGH with 0 <= LOW < HIGH, as in 0.28-5.42, or none"
        case .notALoRA:
            "'loras' holds what is no set of LoRAs; write each set as NAME:WEIGHT, as a list of such, or as [] for none"
        case .tooManyLoRAs(let count, let limit):
            "a set of 'loras' has \(count) LoRAs, and \(limit) are the most; take some out"
        case .tooManyPositions(let count, let limit):
            "the grid has \(count) positions or more, and \(limit) are the most; make the axes shorter, or several sweeps"
        }
    }

    private func hex(_ code: UInt32) -> String {
        let digits = String(code, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    private func remedy(_ nearest: String?, _ introduction: String, _ all: [String]) -> String {
        let shown = all.prefix(20).joined(separator: ", ") + (all.count > 20 ? " and \(all.count - 20) more" : "")
        return (nearest.map { " (did you mean '\($0)'?)" } ?? "") + "; \(introduction) \(shown)"
    }
}
