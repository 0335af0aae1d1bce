/** What refusals look like. */

/** 400 for a value that breaks a rule. */
export const validation = (subject: string, ...causes: readonly string[]) => ({
  status: 400,
  body: {
    errorCode: 'E0000001',
    errorSummary: `Api validation failed: ${subject}`,
    errorCauses: causes.map((errorSummary) => ({ errorSummary })),
  },
});
