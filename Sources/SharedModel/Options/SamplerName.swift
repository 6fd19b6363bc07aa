/// A sampler as users name it in a sweep, its schedule as a suffix: `dpmpp-2m-karras`.
///
/// The vocabulary that both sides share; the formulas live in the Diffusion module.
package struct SamplerName: Hashable, Sendable {
    package let method: SamplerMethod
    /// How the noise levels are laid out; `nil` leaves it to the profile and the model.
    package let schedule: ScheduleName?

    /// - Returns: `nil` for a method that lays its own noise levels out, where a schedule is given.
    package init?(_ method: SamplerMethod, schedule: ScheduleName? = nil) {
        guard schedule == nil || method.takesSchedule else { return nil }
        self.method = method
        self.schedule = schedule
    }

    private init(known method: SamplerMethod, _ schedule: ScheduleName? = nil) {
        self.method = method
        self.schedule = schedule
    }

    package static let ddim = SamplerName(known: .ddim)
    package static let dpmpp2m = SamplerName(known: .dpmpp2m)
    package static let dpmpp2mKarras = SamplerName(known: .dpmpp2m, .karras)
    package static let euler = SamplerName(known: .euler)
    package static let eulerAncestral = SamplerName(known: .eulerAncestral)

    /// - Throws: A ``SweepProblem`` that names the nearest sampler and lists the methods and schedules.
    package init(named name: String) throws(SweepProblem) {
        guard let sampler = SamplerName(rawValue: name) else {
            let nearest = Nearest.match(for: name, among: Self.allCases.map(\.rawValue))
            throw .unknownSampler(name, nearest: nearest, all: SamplerMethod.allCases.map(\.rawValue))
        }
        self = sampler
    }

    /// The same method with the schedule that a sweep names by itself.
    ///
    /// - Throws: ``SweepProblem/twoSchedules(sampler:schedule:)`` where the name has a schedule already, and
    ///   ``SweepProblem/scheduleNotTaken(sampler:schedule:)`` where the method takes none.
    package func with(_ schedule: ScheduleName) throws(SweepProblem) -> SamplerName {
        guard self.schedule == nil else { throw .twoSchedules(sampler: rawValue, schedule: schedule.rawValue) }
        guard let sampler = SamplerName(method, schedule: schedule) else {
            throw .scheduleNotTaken(sampler: rawValue, schedule: schedule.rawValue)
        }
        return sampler
    }
}

extension SamplerName: RawRepresentable {
    package init?(rawValue: String) {
        guard let sampler = Self.byName[rawValue] else { return nil }
        self = sampler
    }

    package var rawValue: String {
        schedule.map { "\(method.rawValue)-\($0.rawValue)" } ?? method.rawValue
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })
}

extension SamplerName: CaseIterable {
    /// Every method by itself, then with every schedule that it takes.
    package static let allCases =
        SamplerMethod.allCases.map { SamplerName(known: $0) }
        + SamplerMethod.allCases.flatMap { method in
            ScheduleName.allCases.compactMap { SamplerName(method, schedule: $0) }
        }
}

extension SamplerName: Codable {}
