import Testing

@testable import Worker

@Suite("The workers of a load test")
struct LoadPlanTests {
    @Test("lie evenly between the fastest and the slowest")
    func speeds() {
        var plan = LoadPlan()
        plan.workers = 3
        plan.secondsPerImage = 1...4
        #expect((0..<3).map(plan.seconds) == [1, 2.5, 4])
        plan.workers = 1
        #expect(plan.seconds(ofWorker: 0) == 1)
    }
}
