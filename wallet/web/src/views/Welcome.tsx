import { useTranslation } from 'react-i18next';

import { Box, Go, Title } from '../app/parts';

/** Welcome is the first page on a device without a wallet. */
export function Welcome() {
  const { t } = useTranslation();
  return (
    <>
      <Title>{t('welcome.title')}</Title>
      <p className="nhsuk-lede-text">{t('welcome.lead')}</p>
      <div className="v-actions">
        <Go to="/start">{t('welcome.start')}</Go>
        <Go secondary to="/start?words">
          {t('welcome.import')}
        </Go>
      </div>
      <div className="v-two">
        <Box title={t('welcome.need')}>
          <ul>
            <li>{t('welcome.need1')}</li>
            <li>{t('welcome.need2')}</li>
            <li>{t('welcome.need3')}</li>
          </ul>
        </Box>
        <Box title={t('welcome.how')}>
          <ul>
            <li>{t('welcome.how1')}</li>
            <li>{t('welcome.how2')}</li>
            <li>{t('welcome.how3')}</li>
          </ul>
        </Box>
      </div>
    </>
  );
}
