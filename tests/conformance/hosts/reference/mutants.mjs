export const MUTANTS = {};
