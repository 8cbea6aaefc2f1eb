-- Those that a claim in this queue must keep to. What they say is read after this, in a statement of its own: only
-- then does it see the claims that were waited for.
SELECT FROM limits WHERE scope <> 'queue' OR key = %(queue)s ORDER BY scope, key FOR UPDATE
