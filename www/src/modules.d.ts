/** Style sheets are imported for their effect; webpack gathers them into one file. */
declare module "*.css";
