#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include "tests/server/storage/store_contract_checkpoints.h"
#include "tests/server/storage/store_contract_concurrency.h"
#include "tests/server/storage/store_contract_facts.h"
#include "tests/server/storage/store_contract_fixture.h"
#include "tests/server/storage/store_contract_records.h"
#include "tests/server/storage/store_contract_removal.h"
#include "tests/server/storage/store_contract_seals.h"

// The tests that every store must pass; see StoreContract in store_contract_fixture.h.
namespace calipers::server {

REGISTER_TYPED_TEST_SUITE_P(
    StoreContract, HasTheSessionsThatWereCreated, ASessionNameIsTakenOnce,
    SeriesIdIsGreaterThanAnyBefore, KeepsRecordsInIndexOrderAsTheyWere,
    KeepsUnusualRecordsUnchanged, TheFirstRecordStays, BatchMayHoldAnIndexTwice,
    RecordWithoutAnIndexGoesToTheEnd, IndexOutOfRangeIsRefused, PutOfNoRecordsReturnsNoResults,
    RefusedRecordDoesNotAffectOthers, SeriesAreApart, ReaderSeesTheSeriesAsOfItsCreation,
    ReaderContinuesAfterItsSessionIsDeleted, DeletedSessionIsGoneForGood, ResetSessionHasNoRecords,
    LongSeriesCanBeDeletedAndReset, DeletedRunIsGoneForGood, RecordHasToFitTheOthers,
    RefusedRecordFixesNoDtypeOrShape, CheckFitsRefusesOnlyRecordsThatAPutRefuses,
    PutReturnsTheSeriesSummary, FactsMatchTheRecords, ServersSeeTheWritesOfEachOther,
    SealClosesTheSeries, SealAllSealsEachSeriesByItself, SealedSeriesStillDetectsDuplicates,
    CheckpointLeavesTheSeriesAsItIs, CheckpointMayReplaceValues,
    CheckpointBehindDroppedValuesIsRefused, OnlyOneOfManyWritersStoresARecord,
    ConcurrentAppendsGetDistinctIndices, ConcurrentCreatesGetDistinctSeries,
    OnlyOneOfManyCreatesGetsTheName, WhatComesAfterASealIsRefused, RunCanBeDeletedDuringPuts);

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_H_
